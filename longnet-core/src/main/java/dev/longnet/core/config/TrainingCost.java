// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// What the steps of a run cost, whose phases may differ in it.
public final class TrainingCost {
  private final TrainingConfig training;
  private final List<TrainingPhase> phases;

  /// Floating-point operations of one step of each phase, forward and backward.
  private final double[] flops;

  public TrainingCost(ModelConfig model, TrainingConfig training) {
    this.training = training;
    this.phases = training.phases();
    this.flops = new double[phases.size()];
    for (int i = 0; i < flops.length; i++) {
      TrainingPhase phase = phases.get(i);
      int branches = phase.branches().orElse(model.branches());
      ModelConfig trained =
          model.mapMixers(mixer -> mixer.withBranches(Math.min(branches, mixer.branches())));
      flops[i] =
          new ModelCost(trained).trainingFlops(phase.window())
              / phase.window()
              * phase.batchTokens();
    }
  }

  /// Tokens up to the last step that will be done.
  public double tokens() {
    double tokens = 0;
    for (int i = 0; i < flops.length; i++) {
      tokens += (double) stepsAfter(0, i) * phases.get(i).batchTokens();
    }
    return tokens;
  }

  /// Operations of all these tokens, over their number.
  public double flopsPerToken() {
    double all = 0;
    for (int i = 0; i < flops.length; i++) {
      all += stepsAfter(0, i) * flops[i];
    }
    return all / tokens();
  }

  /// How long the steps that are left take, in such steps as the last one that is done.
  ///
  /// @param step how many are done, at least 1
  public double stepsLeft(long step) {
    double left = 0;
    for (int i = 0; i < flops.length; i++) {
      left += stepsAfter(step, i) * flops[i];
    }
    return left / flops[training.phase(step - 1)];
  }

  /// Steps of a phase that follow the first `done` of the run, up to the last that will be done.
  private long stepsAfter(long done, int phase) {
    long first = Math.max(training.firstStep(phase), done);
    return Math.max(0, Math.min(training.firstStep(phase + 1), training.lastStep()) - first);
  }
}
