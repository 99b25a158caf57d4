// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.BfloatProducts;
import dev.longnet.attention.kernel.BranchTimer;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.AttentionChoice;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.model.StepProfile;
import dev.longnet.lm.torch.Torch;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/// Chooses an operator for a run.
public final class AttentionOperators {
  private AttentionOperators() {}

  /// Exact operators as the runtime says, for models.
  public static AttentionOperator.Factory factory(RuntimeConfig runtime) {
    return (attention, causal) -> of(attention.pattern(causal), GradientMode.EXACT, runtime);
  }

  /// Exact operators of a rank that holds a part of every window, for models.
  ///
  /// @throws IllegalArgumentException where the runtime names another device than the CPU, or a
  ///   kernel that computes whole windows alone
  public static AttentionOperator.Factory sequenceParallel(
      RuntimeConfig runtime, SequenceShards shards) {
    if (shards.shards() == 1) {
      return factory(runtime);
    }
    if (!runtime.device().equals("cpu")) {
      throw new FieldException(
          "%s must be cpu where several ranks share a window: their exchange on GPUs is not there yet",
          Field.of("runtime.device", runtime.device()));
    }
    if (runtime.attentionKernel() == AttentionChoice.LIBTORCH) {
      throw new FieldException(
          "%s computes whole windows alone, several ranks share one here: auto or java",
          Field.of("runtime.attention_kernel", "libtorch"));
    }
    return (attention, causal) ->
        new SequenceParallelAttention(java(attention.pattern(causal), runtime, null), shards);
  }

  /// As above, with the time of every call and branch added to a profile; branches are told apart
  /// by the Java kernels alone.
  public static AttentionOperator.Factory profiled(RuntimeConfig runtime, StepProfile profile) {
    int threads =
        runtime.threads() == 0 ? Runtime.getRuntime().availableProcessors() : runtime.threads();
    return (attention, causal) ->
        new ProfiledOperator(
            of(attention.pattern(causal), GradientMode.EXACT, runtime, profile::branch),
            profile,
            threads);
  }

  /// @param pattern who attends to whom
  /// @param runtime device, threads and kernel; a forced kernel never falls back, nor does `java`
  ///   use more than vector loops
  /// @throws IllegalArgumentException when the Java kernels are forced on a GPU
  public static AttentionOperator of(
      AttentionPattern pattern, GradientMode gradients, RuntimeConfig runtime) {
    return of(pattern, gradients, runtime, null);
  }

  private static AttentionOperator of(
      AttentionPattern pattern,
      GradientMode gradients,
      RuntimeConfig runtime,
      @Nullable BranchTimer timer) {
    boolean gpu = !runtime.device().equals("cpu");
    boolean java =
        switch (runtime.attentionKernel()) {
          case AUTO -> !gpu;
          case JAVA -> {
            if (gpu) {
              throw new IllegalArgumentException(
                  "attention_kernel java computes on the CPU only: device="
                      + runtime.device()
                      + " needs auto or libtorch");
            }
            yield true;
          }
          case LIBTORCH -> false;
        };
    if (!java) {
      return new TorchAttentionOperator(pattern, gradients);
    }
    return new JavaAttentionOperator(java(pattern, runtime, timer), gradients);
  }

  private static DilatedAttention java(
      AttentionPattern pattern, RuntimeConfig runtime, @Nullable BranchTimer timer) {
    AttentionOptions options = AttentionOptions.defaults().withBranchTimer(timer);
    if (runtime.attentionKernel() == AttentionChoice.AUTO) {
      options = options.withProducts(bfloatProducts().orElse(null));
    }
    return DilatedAttention.of(
        pattern, runtime.threads() == 0 ? options : options.withThreads(runtime.threads()));
  }

  /// libtorch's products of bfloat16 matrices, for the Java kernels on bfloat16 tensors, where the
  /// processor has a unit for them.
  ///
  /// @throws dev.longnet.core.io.EnvironmentException when libtorch does not load
  public static Optional<BfloatProducts> bfloatProducts() {
    // Before LibtorchProducts, whose constants are libtorch's functions.
    Torch.load();
    return LibtorchProducts.find();
  }
}
