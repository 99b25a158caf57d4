// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.GradientMode;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.NativePointers;
import dev.longnet.lm.torch.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// What every attention operator promises beside its values, on every kernel there is.
class AttentionOperatorTest {
  @BeforeAll
  static void load() {
    Torch.load();
  }

  static Stream<OperatorKind> kinds() {
    return OperatorKind.all();
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void takesExpandedGradientsAndInputsThatRequireOne(OperatorKind kind) {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.randn(1, 9, 2, 4);
      x.set_requires_grad(true);
      AttentionOperator operator = kind.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      AttentionOperator.Output output = operator.forward(x, x, x);
      assertThat(output.out().requires_grad()).isFalse();
      Tensor ones = torch.ones(1).expand(1, 9, 2, 4);
      AttentionOperator.Gradients expected =
          operator.backward(x, x, x, output, torch.ones(1, 9, 2, 4));
      AttentionOperator.Gradients actual = operator.backward(x, x, x, output, ones);
      assertThat(actual.gradV().equal(expected.gradV())).isTrue();
      // Every attention row sums to one: what V gets is what the queries give.
      assertThat(actual.gradV().sum().item_double()).isCloseTo(9 * 2 * 4, within(1e-4));
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void emptySequencesAndBatches(OperatorKind kind) {
    try (PointerScope scope = new PointerScope()) {
      for (long[] shape : new long[][] {{1, 0, 2, 4}, {0, 5, 2, 4}}) {
        Tensor x = torch.zeros(shape);
        AttentionOperator operator = kind.of(DilatedAttentionSpec.paper(true), GradientMode.EXACT);
        AttentionOperator.Output output = operator.forward(x, x, x);
        assertThat(AttentionInputs.shape(output.out())).isEqualTo(shape);
        assertThat(AttentionInputs.shape(output.lse()))
            .containsExactly(shape[0], shape[2], shape[1]);
        assertThat(AttentionInputs.shape(operator.backward(x, x, x, output, x).gradQ()))
            .isEqualTo(shape);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void refusesWhatDoesNotFitInOneLine(OperatorKind kind) {
    try (PointerScope scope = new PointerScope()) {
      AttentionOperator operator = kind.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      Tensor q = torch.zeros(1, 4, 2, 8);
      assertThatThrownBy(() -> operator.forward(q, torch.zeros(1, 5, 2, 8), q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("k must have the shape of q, [1, 4, 2, 8]: [1, 5, 2, 8]");
      assertThatThrownBy(() -> operator.forward(q, q, q.to(ScalarType.BFloat16)))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("v must have the type");
      assertThatThrownBy(() -> operator.forward(q.transpose(2, 3), q, q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("contiguous in its last dimension");
      assertThatThrownBy(() -> operator.forward(q.select(0, 0), q, q))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("[batch, tokens, heads, head size]");
    }
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void leavesNothingBehind(OperatorKind kind) throws InterruptedException {
    AttentionOperator operator =
        kind.of(
            DilatedAttentionSpec.of(
                new long[] {8, 32}, new long[] {1, 3}, true, HeadOffsets.INTERLEAVED),
            GradientMode.EXACT);
    Runnable step =
        () -> {
          try (PointerScope scope = new PointerScope()) {
            Tensor x = torch.randn(2, 40, 4, 8);
            AttentionOperator.Output output = operator.forward(x, x, x);
            operator.backward(x, x, x, output, x);
          }
        };
    step.run();
    long before = NativePointers.settled();
    for (int i = 0; i < 20; i++) {
      step.run();
    }
    assertThat(Pointer.totalCount()).isEqualTo(before);
  }

  @ParameterizedTest
  @MethodSource("kinds")
  void manyThreadsMayCallOneOperator(OperatorKind kind) throws Exception {
    AttentionOperator operator =
        kind.of(
            DilatedAttentionSpec.of(
                new long[] {8, 32}, new long[] {1, 3}, true, HeadOffsets.INTERLEAVED),
            GradientMode.EXACT);
    try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
      List<Future<Boolean>> equal = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        long tokens = 30 + i;
        equal.add(
            threads.submit(() -> {
              try (PointerScope scope = new PointerScope()) {
                Tensor x = torch.randn(1, tokens, 4, 8);
                Tensor first = operator.forward(x, x, x).out();
                return torch.allclose(operator.forward(x, x, x).out(), first);
              }
            }));
      }
      for (Future<Boolean> result : equal) {
        assertThat(result.get()).isTrue();
      }
    }
  }

  @Test
  void javaKernelsRefuseOtherTypes() {
    try (PointerScope scope = new PointerScope()) {
      Tensor x = torch.zeros(1, 4, 2, 8).to(ScalarType.Double);
      AttentionOperator operator =
          OperatorKind.SCALAR.of(DilatedAttentionSpec.dense(true), GradientMode.EXACT);
      assertThatThrownBy(() -> operator.forward(x, x, x))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("q must be float32 or bfloat16 for the Java kernels: Double");
    }
  }
}
