// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// Equal to values computed independently, in float64, and checked against Microsoft's torchscale.
class GoldenAttentionTest {
  static final List<String> CASES =
      List.of(
          "blocked_offsets_causal",
          "blocked_offsets_padded_heads",
          "dense_bidirectional",
          "dense_causal",
          "head_dim_128",
          "long_4096",
          "many_heads_per_offset",
          "more_ratios_than_heads",
          "no_ratio_one_uncovered_queries",
          "paper_bidirectional",
          "paper_causal",
          "ragged_length_bidirectional",
          "ragged_length_causal",
          "segment_not_multiple_of_ratio",
          "shorter_than_every_segment",
          "single_token");

  static Stream<Arguments> casesAndKernels() {
    return CASES.stream()
        .flatMap(name -> Kernels.all().stream().map(options -> Arguments.of(name, options)));
  }

  @ParameterizedTest
  @MethodSource("casesAndKernels")
  void operatorEqualsGoldenValues(String name, AttentionOptions options) {
    GoldenFile file = GoldenFile.read(name);
    DilatedAttention attention = DilatedAttention.of(file.spec(), options);
    AttentionTensor q = file.tensor("q");
    AttentionTensor out = TestTensors.like(q, ElementType.FLOAT32);
    long queries = q.batch() * q.heads() * q.tokens();
    MemorySegment lse = TestTensors.floats(queries);
    attention.forward(
        new Qkv(q, file.tensor("k"), file.tensor("v")), new AttentionOutput(out, lse));
    assertClose(file, "out", TestTensors.values(out));
    assertClose(file, "lse", TestTensors.values(lse, queries));
    for (GradientMode mode : GradientMode.values()) {
      AttentionTensor gradQ = TestTensors.like(q, ElementType.FLOAT32);
      AttentionTensor gradK = TestTensors.like(q, ElementType.FLOAT32);
      AttentionTensor gradV = TestTensors.like(q, ElementType.FLOAT32);
      attention.backward(
          new Qkv(q, file.tensor("k"), file.tensor("v")),
          new AttentionOutput(out, lse),
          file.tensor("grad_out"),
          new Qkv(gradQ, gradK, gradV),
          mode);
      String suffix = mode == GradientMode.EXACT ? "" : "_detached_weights";
      assertClose(file, "grad_q" + suffix, TestTensors.values(gradQ));
      assertClose(file, "grad_k" + suffix, TestTensors.values(gradK));
      assertClose(file, "grad_v" + suffix, TestTensors.values(gradV));
    }
  }

  @ParameterizedTest
  @MethodSource("smallCases")
  void oracleEqualsGoldenValues(String name) {
    GoldenFile file = GoldenFile.read(name);
    ReferenceAttention oracle = ReferenceAttention.of(file.spec());
    AttentionTensor q = file.tensor("q");
    AttentionTensor k = file.tensor("k");
    AttentionTensor v = file.tensor("v");
    ReferenceAttention.Forward forward = oracle.forward(q, k, v);
    // The golden values are float64 rounded to float32: half a unit in the last place, and no more.
    assertRounded(file, "out", forward.out());
    assertRounded(file, "lse", forward.lse());
    for (GradientMode mode : GradientMode.values()) {
      ReferenceAttention.Backward backward =
          oracle.backward(q, k, v, file.tensor("grad_out"), mode);
      String suffix = mode == GradientMode.EXACT ? "" : "_detached_weights";
      assertRounded(file, "grad_q" + suffix, backward.gradQ());
      assertRounded(file, "grad_k" + suffix, backward.gradK());
      assertRounded(file, "grad_v" + suffix, backward.gradV());
    }
  }

  static Stream<String> smallCases() {
    return CASES.stream();
  }

  private static void assertRounded(GoldenFile file, String tensor, double[] actual) {
    double[] expected = file.values(tensor);
    for (int i = 0; i < expected.length; i++) {
      if (actual[i] != expected[i]) {
        assertThat(Math.abs(actual[i] - expected[i]))
            .as("%s %s[%d]", file.name(), tensor, i)
            .isLessThanOrEqualTo(0.51 * Math.ulp((float) expected[i]) + 1e-12);
      }
    }
  }

  /// Float32 sums of up to 256 terms of order 1: a few units of 6e-8 of the largest value.
  private static void assertClose(GoldenFile file, String tensor, double[] actual) {
    double[] expected = file.values(tensor);
    double largest = 1;
    for (double x : expected) {
      largest = Double.isInfinite(x) ? largest : Math.max(largest, Math.abs(x));
    }
    assertThat(actual).hasSameSizeAs(expected);
    for (int i = 0; i < expected.length; i++) {
      if (actual[i] != expected[i]) {
        assertThat(Math.abs(actual[i] - expected[i]))
            .as("%s %s[%d]", file.name(), tensor, i)
            .isLessThanOrEqualTo(1e-6 * largest);
      }
    }
  }
}
