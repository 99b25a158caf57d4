// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Tensors of random values, and how near two of them are.
final class TestTensors {
  private TestTensors() {}

  /// Float32 sums of up to some thousand terms of order 1: a few units of 6e-8 of the largest
  /// value.
  static void assertClose(String what, Tensor actual, Tensor expected) {
    assertClose(what, actual, expected, 1e-6);
  }

  static void assertClose(String what, Tensor actual, Tensor expected, double tolerance) {
    assertThat(AttentionInputs.shape(actual)).as(what).isEqualTo(AttentionInputs.shape(expected));
    Tensor a = actual.to(ScalarType.Double);
    Tensor e = expected.to(ScalarType.Double);
    assertThat(a.isneginf().equal(e.isneginf())).as(what + " -inf").isTrue();
    double largest = Math.max(1, finite(e).abs().max().item_double());
    double error = finite(a).sub(finite(e)).abs().max().item_double();
    assertThat(error).as(what).isLessThanOrEqualTo(tolerance * largest);
  }

  private static Tensor finite(Tensor x) {
    return x.masked_fill(x.isneginf(), new Scalar(0.0));
  }

  static Tensor normal(Random random, long... shape) {
    long count = Arrays.stream(shape).reduce(1, Math::multiplyExact);
    double[] values = random.doubles(count).toArray();
    Arrays.setAll(values, i -> random.nextGaussian());
    return tensor(values, shape).to(ScalarType.Float);
  }

  static Tensor tensor(double[] values, long... shape) {
    MemorySegment memory = Arena.ofAuto().allocate(8L * Math.max(1, values.length), 64);
    MemorySegment.copy(values, 0, memory, ValueLayout.JAVA_DOUBLE, 0, values.length);
    return TensorMemory.view(memory, ScalarType.Double, shape);
  }
}
