// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.ReferenceAttention;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.experiments.attention.Contestant.Inputs;
import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Nothing is timed that was not found right first.
final class Verification {
  /// Of the largest value: float32 sums of up to some ten thousand terms.
  static final double TOLERANCE = 1e-5;

  /// Of the largest value, for what is stored in bfloat16: a few of its last places.
  private static final double HALF_TOLERANCE = 2e-2;

  /// The small problem has so many tokens; no segment length divides them.
  static final long TOKENS = 397;

  private Verification() {}

  /// Each contestant against the float64 oracle, forward and backward, on a problem small enough
  /// for it.
  ///
  /// @throws IllegalStateException when one is wrong
  static void againstOracle(List<Contestant> contestants, BenchSettings settings) {
    try (PointerScope scope = new PointerScope()) {
      Inputs x =
          Inputs.random(
              settings,
              TOKENS,
              Math.min(4, settings.heads()),
              Math.min(16, settings.headSize()),
              true);
      contestants.forEach(contestant -> againstOracle(contestant, x));
    }
  }

  private static void againstOracle(Contestant contestant, Inputs x) {
    ReferenceAttention oracle = ReferenceAttention.of((DilatedAttentionSpec) contestant.pattern());
    AttentionTensor q = view(x.q());
    AttentionTensor k = view(x.k());
    AttentionTensor v = view(x.v());
    try (PointerScope scope = new PointerScope()) {
      long[] shape = {q.batch(), q.tokens(), q.heads(), q.headSize()};
      close(
          contestant.name() + ": out",
          contestant.forward(x),
          tensor(oracle.forward(q, k, v).out(), shape));
      GradientMode mode =
          contestant.detachedWeights() ? GradientMode.DETACHED_WEIGHTS : GradientMode.EXACT;
      ReferenceAttention.Backward expected =
          oracle.backward(q, k, v, view(Objects.requireNonNull(x.gradOut())), mode);
      Tensor[] gradients = contestant.prepare(x).run();
      close(contestant.name() + ": grad_q", gradients[0], tensor(expected.gradQ(), shape));
      close(contestant.name() + ": grad_k", gradients[1], tensor(expected.gradK(), shape));
      close(contestant.name() + ": grad_v", gradients[2], tensor(expected.gradV(), shape));
    }
  }

  /// Both compute the same; `expected` runs on the inputs that will be timed.
  ///
  /// @throws IllegalStateException when they do not
  static void againstEachOther(String name, Tensor out, String other, Tensor expected) {
    close(name + " against " + other + ": out", out, expected);
  }

  private static void close(String what, Tensor actual, Tensor expected) {
    double largest = expected.abs().max().item_double();
    double error =
        actual
            .sub(expected.to(actual.device(), expected.scalar_type().intern()))
            .abs()
            .max()
            .item_double();
    boolean half = actual.scalar_type().intern() == ScalarType.BFloat16;
    if (!(error <= (half ? HALF_TOLERANCE : TOLERANCE) * Math.max(1, largest))) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "%s is wrong by %g, with values up to %g: nothing was timed",
              what,
              error,
              largest));
    }
  }

  /// A float32 copy where it is not that already; both belong to the caller's scope.
  private static AttentionTensor view(Tensor t) {
    Tensor wide = t.cpu().to(ScalarType.Float);
    return AttentionTensor.contiguous(
        TensorMemory.of(wide),
        ElementType.FLOAT32,
        t.size(0),
        t.size(1),
        (int) t.size(2),
        (int) t.size(3));
  }

  private static Tensor tensor(double[] values, long... shape) {
    MemorySegment memory = Arena.ofAuto().allocate(8L * values.length, 64);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
    return TensorMemory.view(memory, ScalarType.Double, shape);
  }
}
