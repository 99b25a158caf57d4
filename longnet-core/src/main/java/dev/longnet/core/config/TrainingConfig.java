// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// How much is trained, in which portions.
///
/// @param window N: tokens of one training sequence
/// @param sequences sequences that go through the model at once (B)
/// @param batchTokens tokens of one optimizer step; gradients of `batchTokens / (window *
///   sequences)` passes are summed
/// @param steps optimizer steps of the whole run
/// @param maxSteps a run stops, with a checkpoint, after this step, though its schedule goes on; 0:
///   no bound
/// @param maxMinutes a run stops, with a checkpoint, this long after it started or resumed; 0: no
///   bound
/// @param gradientClip largest norm of all gradients together; 0: no clipping
/// @param skipLimit consecutive steps with a non-finite loss or gradient norm after which the run
///   stops
/// @param branchStarts the share of all steps after which each branch of dilated attention joins,
///   never falling, the first 0; empty: all branches from the first step on. Few keys are learned
///   from faster than many: the near branch alone first.
/// @param seed initial weights and order of the windows follow from it
public record TrainingConfig(
    int window,
    int sequences,
    long batchTokens,
    long steps,
    long maxSteps,
    double maxMinutes,
    double gradientClip,
    int skipLimit,
    List<Double> branchStarts,
    long seed) {

  public TrainingConfig {
    branchStarts = List.copyOf(branchStarts);
    long pass = (long) window * sequences;
    if (batchTokens % pass != 0) {
      throw new IllegalArgumentException(
          "training.batch_tokens must be a multiple of training.window x training.sequences = "
              + pass
              + ": training.batch_tokens="
              + batchTokens);
    }
  }

  static TrainingConfig read(Section s) {
    int window = s.requiredInteger("window", 2);
    int sequences = s.integer("sequences", 1, 1);
    s.require("steps");
    TrainingConfig result =
        new TrainingConfig(
            window,
            sequences,
            s.wholeNumber("batch_tokens", Math.multiplyExact((long) window, sequences), 1),
            s.wholeNumber("steps", 1, 1),
            s.wholeNumber("max_steps", 0, 0),
            s.number("max_minutes", 0, 0, 1e9),
            s.number("gradient_clip", 2.0, 0, Double.MAX_VALUE),
            s.integer("skip_limit", 5, 1),
            s.numbers("branch_starts", 0, 1),
            s.wholeNumber("seed", 1, 0));
    List<Double> starts = result.branchStarts;
    for (int i = 0; i < starts.size(); i++) {
      if (starts.get(i) < (i == 0 ? 0 : starts.get(i - 1))
          || starts.get(i) >= 1
          || i == 0 && starts.get(0) != 0) {
        throw s.wrong("branch_starts", "must begin with 0, never fall, and stay below 1");
      }
    }
    s.done();
    return result;
  }

  /// The step after which this run ends.
  public long lastStep() {
    return maxSteps == 0 ? steps : Math.min(steps, maxSteps);
  }

  /// Branches of dilated attention that take part in a step.
  ///
  /// @param step 0 for the first
  /// @param of all of them
  public int branches(long step, int of) {
    return branchStarts.isEmpty()
        ? of
        : (int) branchStarts.stream().filter(start -> step >= start * steps).count();
  }

  /// Passes through the model a step: gradients of all of them are summed before the optimizer
  /// moves.
  public int accumulation() {
    return Math.toIntExact(batchTokens / ((long) window * sequences));
  }
}
