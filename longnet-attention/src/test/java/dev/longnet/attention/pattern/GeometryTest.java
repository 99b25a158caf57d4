// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class GeometryTest {
  @Test
  void rowsCountSliceAndCompareByPosition() {
    Rows rows = new Rows(5, 3, 4); // 5 8 11 14
    assertThat(rows.last()).isEqualTo(14);
    assertThat(rows.countBefore(5)).isZero();
    assertThat(rows.countBefore(6)).isOne();
    assertThat(rows.countBefore(100)).isEqualTo(4);
    assertThat(rows.countUpTo(4)).isZero();
    assertThat(rows.countUpTo(8)).isEqualTo(2);
    assertThat(rows.within(6, 14)).isEqualTo(new Rows(8, 3, 2));
    assertThat(rows.within(15, 99).isEmpty()).isTrue();
    assertThatThrownBy(() -> new Rows(0, 0, 1)).isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> new Rows(Long.MAX_VALUE, 1, 2))
        .isInstanceOf(ArithmeticException.class);
  }

  @Test
  void positionsAre64Bit() {
    long w = 1L << 40;
    DilatedAttentionSpec spec = new DilatedAttentionSpec(List.of(new Branch(w, 1L << 20)), true);
    Fold fold = spec.fold(0, 3, 5, 8, 4 * w - 7);
    assertThat(fold.keys()).isEqualTo(new Rows(3 * w + 5, 1L << 20, 1L << 20));
    assertThat(spec.endSegment(0, 4 * w - 7, 4 * w - 7)).isEqualTo(4);
  }

  /// What decides which kernel folds a branch: the same for every part of a sequence.
  @Test
  void noFoldHasMoreKeysThanItsBranchSays() {
    Random random = new Random(7);
    for (int round = 0; round < 500; round++) {
      int heads = 1 + random.nextInt(4);
      long tokens = 1 + random.nextInt(70);
      AttentionPattern pattern = RandomPatterns.ofAnyKind(random, heads, tokens);
      long first = random.nextLong(tokens);
      long length = random.nextLong(tokens - first) + 1;
      AttentionPattern span = SpanPattern.of(pattern, first, length, tokens);
      for (int branch = 0; branch < pattern.branches(); branch++) {
        long most = pattern.mostKeys(branch);
        assertThat(span.mostKeys(branch)).as("%s", pattern).isEqualTo(most);
        for (long segment = 0; segment < pattern.endSegment(branch, tokens, tokens); segment++) {
          for (int head = 0; head < heads; head++) {
            assertThat(pattern.fold(branch, segment, head, heads, tokens).keys().count())
                .as("%s, branch %d, segment %d", pattern, branch, segment)
                .isLessThanOrEqualTo(most);
          }
        }
      }
    }
    DilatedAttentionSpec spec =
        new DilatedAttentionSpec(
            List.of(
                new Branch(100, 3),
                new Branch(90, 1, Branch.Window.SLIDING, Branch.Dilate.BOTH, List.of(2), 11)),
            true);
    assertThat(List.of(spec.mostKeys(0), spec.mostKeys(1), spec.mostKeys(2)))
        .containsExactly(34L, 90L, 90L);
    SparseAttentionSpec sparse = new SparseAttentionSpec(64, 16, true);
    assertThat(List.of(sparse.mostKeys(0), sparse.mostKeys(1)))
        .containsExactly(64L, Long.MAX_VALUE);
  }

  @Test
  void everyQueryHeadPairIsKeptOncePerBranchAndRatio() {
    DilatedAttentionSpec spec =
        DilatedAttentionSpec.of(
            new long[] {10, 7}, new long[] {3, 4}, true, HeadOffsets.INTERLEAVED);
    for (int branch = 0; branch < 2; branch++) {
      long r = spec.segments().get(branch).dilation();
      int[] kept = new int[33];
      for (int head = 0; head < r; head++) {
        for (long segment = 0; segment < spec.endSegment(branch, 33, 33); segment++) {
          Rows rows = spec.fold(branch, segment, head, (int) r, 33).queries();
          for (long i = 0; i < rows.count(); i++) {
            kept[(int) rows.position(i)]++;
          }
        }
      }
      assertThat(kept).containsOnly(1);
    }
  }

  @Test
  void thePapersWorkIsLinear() {
    DilatedAttentionSpec spec = DilatedAttentionSpec.paper(false);
    // sum_i N w_i / r_i^2, rows of incomplete dilation periods apart
    double expected = 32768.0 * (2048 + 4096 / 4.0 + 8192 / 16.0 + 16384 / 36.0 + 32768 / 144.0);
    assertThat(spec.pairs(0, 12, 32768))
        .isCloseTo(expected, org.assertj.core.data.Percentage.withPercentage(0.2));
  }

  @Test
  void sparseColumnsOfHeadsAreDistinctAndEarlierThanTheBlock() {
    SparseAttentionSpec spec = new SparseAttentionSpec(16, 4, true);
    assertThat(spec.fold(1, 2, 1, 4, 48).keys()).isEqualTo(new Rows(1, 4, 8));
    assertThat(spec.fold(1, 2, 3, 4, 48).keys()).isEqualTo(new Rows(3, 4, 8));
    assertThat(spec.fold(1, 2, 3, 4, 48).keys().last()).isLessThan(32);
    assertThat(new SparseAttentionSpec(16, 5, true).branches()).isEqualTo(6);
    assertThatThrownBy(() -> new SparseAttentionSpec(16, 17, true))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("columns must be between 1 and blockLength=16: columns=17");
  }
}
