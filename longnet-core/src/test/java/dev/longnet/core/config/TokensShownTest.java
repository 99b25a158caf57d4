// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What heads without positions count ([ModelConfig#nopeFactor]).
class TokensShownTest {
  private static final AttentionConfig SEGMENTS = segments(64, 256);

  private static AttentionConfig segments(long... lengths) {
    return new AttentionConfig.Dilated(
        java.util.Arrays.stream(lengths).mapToObj(w -> new Branch(w, 1)).toList(),
        HeadOffsets.INTERLEAVED);
  }

  private static AttentionConfig sliding(long length) {
    Branch branch = new Branch(length, 1, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(), 0);
    return new BranchedAttention(
        List.of(new BranchedAttention.Placed(branch, List.of(), 0)), HeadOffsets.INTERLEAVED);
  }

  /// Blocks of 100: up to two of them nothing differs, then the block before counts.
  @ParameterizedTest
  @CsvSource({
    "nested,    0, 1",
    "nested,    255, 256",
    "nested,    256, 1",
    "nested,    1000000000255, 256",
    "uneven,    0, 1",
    "uneven,    35, 36",
    "uneven,    36, 36",
    "sliding,   0, 1",
    "sliding,   31, 32",
    "sliding,   1000000000000, 32",
    "dense,     1000000000000, 1000000000001",
    "sparse,    1000, 1001",
    "blockwise, 199, 200",
    "blockwise, 200, 101",
    "blockwise, 399, 200",
    "blockwise, 1000000000001, 102"
  })
  void areThoseOfTheLongestSegment(String kind, long position, long shown) {
    AttentionConfig attention =
        switch (kind) {
          case "nested" -> SEGMENTS;
          case "uneven" -> segments(24, 36);
          case "sliding" -> sliding(32);
          case "dense" -> new AttentionConfig.Dense();
          case "sparse" -> new AttentionConfig.Sparse(128, 16);
          case "blockwise" -> new AttentionConfig.Dense().blockwise(100);
          default -> throw new IllegalArgumentException(kind);
        };
    assertThat(attention.tokensShown().applyAsLong(position)).isEqualTo(shown);
  }

  /// In blockwise evaluation a segment stays where it is within the blocks.
  @ParameterizedTest
  @ValueSource(longs = {0, 300, 511, 512, 1000})
  void blocksOfSegmentsCountAsWindowsDo(long position) {
    AttentionConfig blockwise = SEGMENTS.blockwise(256);
    long in = position < 512 ? position : 256 + position % 256;
    assertThat(blockwise.tokensShown().applyAsLong(position))
        .isEqualTo(SEGMENTS.tokensShown().applyAsLong(in));
    assertThat(blockwise.tokensShown().applyAsLong(position)).isEqualTo(in % 256 + 1);
  }

  @ParameterizedTest
  @CsvSource({"0, 0.1111", "510, 1", "8190, 1.4444"})
  void theFactorIsALogarithm(long position, double factor) {
    ModelConfig model =
        new ModelConfig(
            10, 1, 16, 2, 8, PositionEncoding.ROPE, true, true, new AttentionConfig.Dense());
    assertThat(model.withNopeHeads(1, 512).nopeFactor(model.mixer(0)).applyAsDouble(position))
        .isCloseTo(factor, within(1e-4));
    assertThat(model.withNopeHeads(0, 512)).isEqualTo(model);
    assertThat(model.nopeFactor(model.mixer(0)).applyAsDouble(position)).isEqualTo(1);
  }
}
