// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class BranchTimerTest {
  private static final DilatedAttentionSpec SPEC =
      DilatedAttentionSpec.of(
          new long[] {64, 256}, new long[] {1, 4}, true, HeadOffsets.INTERLEAVED);

  @ParameterizedTest
  @EnumSource
  void everyBranchIsTimedForwardAndBackwardAndComputesTheSame(GradientMode mode) {
    Map<String, Long> nanos = new ConcurrentHashMap<>();
    AttentionOptions options = AttentionOptions.defaults().withThreads(2);
    List<double[]> timed =
        compute(
            options.withBranchTimer((branch, backward, time) ->
                nanos.merge((backward ? "backward " : "forward ") + branch, time, Long::sum)),
            mode);
    assertThat(new TreeMap<>(nanos))
        .containsOnlyKeys("backward 0", "backward 1", "forward 0", "forward 1")
        .allSatisfy((_, time) -> assertThat(time).isPositive());
    List<double[]> plain = compute(options, mode);
    for (int i = 0; i < plain.size(); i++) {
      assertThat(timed.get(i)).containsExactly(plain.get(i));
    }
  }

  private static List<double[]> compute(AttentionOptions options, GradientMode mode) {
    DilatedAttention attention = DilatedAttention.of(SPEC, options);
    Random random = new Random(1);
    Qkv inputs = new Qkv(random(random), random(random), random(random));
    AttentionTensor out = TestTensors.like(inputs.q(), ElementType.FLOAT32);
    MemorySegment lse = TestTensors.floats(4 * 600);
    AttentionOutput output = new AttentionOutput(out, lse);
    attention.forward(inputs, output);
    Qkv gradients = new Qkv(random(random), random(random), random(random));
    attention.backward(inputs, output, random(new Random(2)), gradients, mode);
    return List.of(
        TestTensors.values(out),
        TestTensors.values(gradients.q()),
        TestTensors.values(gradients.k()),
        TestTensors.values(gradients.v()));
  }

  private static AttentionTensor random(Random random) {
    return TestTensors.random(random, 1, 1, 600, 4, 16);
  }
}
