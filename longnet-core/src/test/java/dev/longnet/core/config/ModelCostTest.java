// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelCostTest {
  private static final int HEADS = 6;
  private static final int LAYERS = 3;
  private static final int HIDDEN = 48;
  private static final int FEED_FORWARD = 100;
  private static final int VOCABULARY = 257;

  static List<AttentionConfig> attentions() {
    List<Branch> branches = List.of(new Branch(32, 1), new Branch(100, 3), new Branch(512, 8));
    return List.of(
        new AttentionConfig.Dense(),
        new AttentionConfig.Sparse(32, 4),
        new AttentionConfig.Sparse(32, 5),
        new AttentionConfig.Dilated(branches, HeadOffsets.INTERLEAVED),
        new AttentionConfig.Dilated(branches, HeadOffsets.BLOCKED));
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void parametersAreThoseTheModelHas(boolean tied) {
    ModelConfig model = model(new AttentionConfig.Dense(), tied);
    long c = HIDDEN;
    long f = FEED_FORWARD;
    long attention = 4 * (c * c + c) + 2 * c;
    long feedForward = 2 * c * f + f + c + 2 * f;
    long norms = 4 * c;
    long embedding = VOCABULARY * c * (tied ? 1 : 2);
    assertThat(new ModelCost(model).parameters())
        .isEqualTo(embedding + LAYERS * (attention + feedForward + norms) + 2 * c);
  }

  /// Against the pairs counted one by one in the pattern that the operator computes.
  @ParameterizedTest
  @MethodSource("attentions")
  void attentionIsCountedByItsPairs(AttentionConfig attention) {
    ModelConfig model = model(attention, true);
    for (long tokens : new long[] {1, 31, 32, 33, 200, 517}) {
      double pairs = 0;
      for (int head = 0; head < HEADS; head++) {
        pairs += pairs(attention.pattern(true), head, tokens);
      }
      double linear =
          2.0
              * tokens
              * (LAYERS * (4.0 * HIDDEN * HIDDEN + 2 * HIDDEN * FEED_FORWARD)
                  + HIDDEN * VOCABULARY);
      double expected = 4.0 * HIDDEN / HEADS * pairs * LAYERS;
      assertThat(new ModelCost(model).forwardFlops(tokens))
          .isCloseTo(linear + expected, within(1e-6 * linear));
      assertThat(new ModelCost(model).trainingFlops(tokens))
          .isCloseTo(3 * linear + 3.5 * expected, within(1e-6 * linear));
    }
  }

  @Test
  void aShortConvolutionIsCountedByItsTaps() {
    ModelConfig plain = model(new AttentionConfig.Dense(), true);
    ModelCost without = new ModelCost(plain);
    ModelCost with = new ModelCost(plain.withShortConvolution(4));
    long weights = LAYERS * 3L * HIDDEN * 4;
    assertThat(with.parameters() - without.parameters()).isEqualTo(weights);
    assertThat(with.forwardFlops(100) - without.forwardFlops(100))
        .isCloseTo(2.0 * weights * 100, within(1.0));
    assertThat(with.trainingFlops(100) - without.trainingFlops(100))
        .isCloseTo(6.0 * weights * 100, within(1.0));
  }

  /// As PyTorch's Conv1d keeps them; never quantised, never decayed.
  @Test
  void aShortConvolutionsWeightsAreNoMatrices() {
    ModelConfig model = model(new AttentionConfig.Dense(), true).withShortConvolution(3);
    List<Parameter> weights =
        Blueprint.of(model).parameters().stream()
            .filter(parameter -> parameter.name().contains("_conv"))
            .toList();
    assertThat(weights).hasSize(3 * LAYERS);
    assertThat(weights.getFirst().name()).isEqualTo("layers.0.self_attn.q_conv.weight");
    assertThat(weights)
        .allSatisfy(weight -> {
          assertThat(weight.shape()).containsExactly((long) HIDDEN, 1L, 3L);
          assertThat(weight.matrix()).isFalse();
          assertThat(weight.decays()).isFalse();
        });
  }

  private static long pairs(AttentionPattern pattern, int head, long tokens) {
    long pairs = 0;
    for (int branch = 0; branch < pattern.branches(); branch++) {
      long end = pattern.endSegment(branch, tokens, tokens);
      for (long segment = 0; segment < end; segment++) {
        Fold fold = pattern.fold(branch, segment, head, HEADS, tokens);
        for (long i = 0; i < fold.queries().count(); i++) {
          for (long j = 0; j < fold.keys().count(); j++) {
            long query = fold.queries().first() + i * fold.queries().stride();
            long key = fold.keys().first() + j * fold.keys().stride();
            pairs += key <= query ? 1 : 0;
          }
        }
      }
    }
    return pairs;
  }

  private static ModelConfig model(AttentionConfig attention, boolean tied) {
    return new ModelConfig(
        VOCABULARY,
        LAYERS,
        HIDDEN,
        HEADS,
        FEED_FORWARD,
        PositionEncoding.ROPE,
        tied,
        true,
        attention);
  }
}
