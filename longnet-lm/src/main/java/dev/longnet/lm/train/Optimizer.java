// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.lm.train.AdamKernel.Group;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.function.Predicate;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Adam and AdamW over a model's parameters. Which parameters decay is said from outside
/// ([dev.longnet.core.config.Parameter#decays()]).
///
/// Owns the moments and frees them in [#close()]; the parameters and gradients stay the caller's.
public final class Optimizer implements AutoCloseable {
  private static final String FIRST = "exp_avg.";
  private static final String SECOND = "exp_avg_sq.";

  private final List<Group> groups;
  private final AdamKernel kernel;
  private long applied;

  /// @param values by name; the tensors are updated in place, and must stay where they are
  /// @param gradients same names
  /// @param decays which of the names weight decay touches
  /// @param workers share the work on the CPU; stay the caller's
  public Optimizer(
      OptimizerConfig config,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> decays,
      Workers workers) {
    this.groups =
        List.of(
            group(config.weightDecay(), values, gradients, decays),
            group(0, values, gradients, decays.negate()));
    boolean gpu = values.values().stream().anyMatch(Tensor::is_cuda);
    this.kernel = gpu ? new FusedAdam(config, groups) : new LoopAdam(config, groups, workers);
  }

  private static Group group(
      double decay,
      Map<String, Tensor> values,
      Map<String, Tensor> gradients,
      Predicate<String> members) {
    Group group =
        new Group(
            decay,
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>(),
            new ArrayList<>());
    values.forEach((name, value) -> {
      if (members.test(name)) {
        group.names().add(name);
        group.values().add(value);
        group.gradients().add(gradients.get(name));
        group.first().add(torch.zeros_like(value).retainReference());
        group.second().add(torch.zeros_like(value).retainReference());
      }
    });
    return group;
  }

  /// The norm of all gradients together; NaN or infinite when any of them is.
  public double gradientNorm() {
    return kernel.norm();
  }

  /// Moves the parameters once.
  ///
  /// @param gradientScale what the gradients are multiplied by first: clipping
  public void step(double learningRate, double gradientScale) {
    applied++;
    kernel.step(learningRate, gradientScale, applied);
  }

  /// Steps applied: what the bias correction counts.
  long applied() {
    return applied;
  }

  void restoreApplied(long steps) {
    applied = steps;
  }

  /// Both moments of every parameter, by name; writing to the tensors restores a state.
  SequencedMap<String, Tensor> state() {
    SequencedMap<String, Tensor> state = new LinkedHashMap<>();
    for (Group group : groups) {
      for (int i = 0; i < group.names().size(); i++) {
        state.put(FIRST + group.names().get(i), group.first().get(i));
        state.put(SECOND + group.names().get(i), group.second().get(i));
      }
    }
    return state;
  }

  @Override
  public void close() {
    kernel.close();
    for (Group group : groups) {
      group.first().forEach(Tensor::deallocate);
      group.second().forEach(Tensor::deallocate);
    }
  }
}
