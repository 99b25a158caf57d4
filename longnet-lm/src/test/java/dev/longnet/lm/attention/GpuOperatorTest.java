// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static dev.longnet.lm.attention.TestTensors.assertClose;
import static dev.longnet.lm.attention.TestTensors.normal;

import dev.longnet.attention.GradientMode;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.Torch;
import java.util.Arrays;
import java.util.Random;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// The libtorch operator on a GPU.
class GpuOperatorTest {
  @BeforeAll
  static void load() {
    Torch.load();
  }

  /// Paper's branches on a GPU: bfloat16 through the flash kernel, float32 through matrix products.
  @Test
  @Tag("gpu")
  void gpuEqualsCpu() {
    try (PointerScope scope = new PointerScope()) {
      AttentionPattern pattern =
          DilatedAttentionSpec.of(
              new long[] {64, 128, 512}, new long[] {1, 2, 6}, true, HeadOffsets.INTERLEAVED);
      for (GradientMode mode : GradientMode.values()) {
        AttentionOperator operator = OperatorKind.FLASH.of(pattern, mode);
        for (ScalarType type : new ScalarType[] {ScalarType.Float, ScalarType.BFloat16}) {
          Random random = new Random(7);
          Tensor[] x = new Tensor[4];
          Arrays.setAll(x, i -> normal(random, 2, 700, 4, 64).to(type));
          AttentionOperator.Output expected = operator.forward(x[0], x[1], x[2]);
          AttentionOperator.Gradients e = operator.backward(x[0], x[1], x[2], expected, x[3]);
          Tensor[] y = Arrays.stream(x).map(Tensor::cuda).toArray(Tensor[]::new);
          AttentionOperator.Output actual = operator.forward(y[0], y[1], y[2]);
          AttentionOperator.Gradients a = operator.backward(y[0], y[1], y[2], actual, y[3]);
          double tolerance = type == ScalarType.Float ? 1e-4 : 2e-2;
          assertClose("out", actual.out().cpu(), expected.out(), tolerance);
          assertClose("lse", actual.lse().cpu(), expected.lse(), tolerance);
          assertClose("gradQ", a.gradQ().cpu(), e.gradQ(), tolerance);
          assertClose("gradK", a.gradK().cpu(), e.gradK(), tolerance);
          assertClose("gradV", a.gradV().cpu(), e.gradV(), tolerance);
        }
      }
    }
  }

  /// More segments than the kernel's grid holds sequences.
  @Test
  @Tag("gpu")
  void gpuTakesManySegments() {
    try (PointerScope scope = new PointerScope()) {
      AttentionPattern pattern =
          DilatedAttentionSpec.of(
              new long[] {2, 6}, new long[] {1, 2}, true, HeadOffsets.INTERLEAVED);
      Random random = new Random(3);
      Tensor[] x = new Tensor[4];
      Arrays.setAll(x, i -> normal(random, 1, 200_001, 2, 8).to(ScalarType.BFloat16));
      AttentionOperator here = OperatorKind.SIMD.of(pattern, GradientMode.EXACT);
      AttentionOperator there = OperatorKind.CUDA.of(pattern, GradientMode.EXACT);
      AttentionOperator.Output expected = here.forward(x[0], x[1], x[2]);
      AttentionOperator.Output actual = there.forward(x[0], x[1], x[2]);
      assertClose("out", actual.out(), expected.out(), 2e-2);
      assertClose("lse", actual.lse(), expected.lse(), 1e-4);
      AttentionOperator.Gradients e = here.backward(x[0], x[1], x[2], expected, x[3]);
      AttentionOperator.Gradients a = there.backward(x[0], x[1], x[2], actual, x[3]);
      assertClose("gradQ", a.gradQ(), e.gradQ(), 2e-2);
      assertClose("gradK", a.gradK(), e.gradK(), 2e-2);
      assertClose("gradV", a.gradV(), e.gradV(), 2e-2);
    }
  }
}
