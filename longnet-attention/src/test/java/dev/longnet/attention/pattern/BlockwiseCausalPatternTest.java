// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;

class BlockwiseCausalPatternTest {
  private record Pair(long query, long key) implements Comparable<Pair> {
    @Override
    public int compareTo(Pair o) {
      return query != o.query ? Long.compare(query, o.query) : Long.compare(key, o.key);
    }
  }

  @Test
  void aQuerySeesWhatItWouldSeeInTheSecondHalfOfATrainingSequence() {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      long block = 1 + random.nextInt(20);
      int heads = 1 + random.nextInt(4);
      AttentionPattern inner = RandomPatterns.any(random, true);
      AttentionPattern blockwise = new BlockwiseCausalPattern(inner, block);
      long tokens = random.nextInt(120);
      for (int head = 0; head < heads; head++) {
        Map<Pair, Integer> trained = pairs(inner, head, heads, 2 * block);
        Map<Pair, Integer> expected = new TreeMap<>();
        for (long query = 0; query < tokens; query++) {
          long start = Math.max(0, query / block - 1) * block;
          for (long key = start; key <= query; key++) {
            Integer count = trained.get(new Pair(query - start, key - start));
            if (count != null) {
              expected.put(new Pair(query, key), count);
            }
          }
        }
        assertThat(pairs(blockwise, head, heads, tokens))
            .as("seed %d, block %d, tokens %d, %s", seed, block, tokens, inner)
            .isEqualTo(expected);
      }
    }
  }

  @Test
  void withinTheTrainedLengthNothingChanges() {
    AttentionPattern inner =
        DilatedAttentionSpec.of(
            new long[] {8, 32}, new long[] {1, 4}, true, HeadOffsets.INTERLEAVED);
    AttentionPattern blockwise = new BlockwiseCausalPattern(inner, 16);
    for (long tokens : new long[] {0, 1, 15, 16, 17, 31, 32}) {
      assertThat(pairs(blockwise, 1, 2, tokens)).isEqualTo(pairs(inner, 1, 2, tokens));
    }
  }

  @Test
  void segmentsOutsideARangeTouchNoRowOfIt() {
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      AttentionPattern blockwise =
          new BlockwiseCausalPattern(RandomPatterns.any(random, true), 1 + random.nextInt(20));
      long tokens = 1 + random.nextInt(150);
      long from = random.nextInt((int) tokens + 1);
      long to = random.nextInt((int) tokens + 1);
      for (int branch = 0; branch < blockwise.branches(); branch++) {
        long end = blockwise.endSegment(branch, tokens, tokens);
        long previous = -1;
        for (long segment = 0; segment < end; segment++) {
          Fold fold = blockwise.fold(branch, segment, 0, 1, tokens);
          for (Rows rows : List.of(fold.queries(), fold.keys())) {
            if (!rows.isEmpty() && segment < blockwise.firstSegment(branch, from)) {
              assertThat(rows.last()).as("seed %d", seed).isLessThan(from);
            }
            if (!rows.isEmpty() && segment >= blockwise.endSegment(branch, to, tokens)) {
              assertThat(rows.first()).as("seed %d", seed).isGreaterThanOrEqualTo(to);
            }
          }
          if (!fold.queries().isEmpty()) {
            assertThat(fold.queries().first())
                .as("seed %d: disjoint and growing", seed)
                .isGreaterThan(previous);
            previous = fold.queries().last();
          }
        }
      }
    }
  }

  @Test
  void refusesWhatLooksAhead() {
    assertThatThrownBy(() -> new BlockwiseCausalPattern(DilatedAttentionSpec.dense(false), 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("causal");
    assertThatThrownBy(() -> new BlockwiseCausalPattern(DilatedAttentionSpec.dense(true), 0))
        .hasMessageContaining("blockLength=0");
  }

  /// How often each query attends to each key.
  private static Map<Pair, Integer> pairs(
      AttentionPattern pattern, int head, int heads, long tokens) {
    Map<Pair, Integer> pairs = new TreeMap<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      for (long segment = 0; segment < pattern.endSegment(branch, tokens, tokens); segment++) {
        Fold fold = pattern.fold(branch, segment, head, heads, tokens);
        for (long i = 0; i < fold.queries().count(); i++) {
          long query = fold.queries().position(i);
          for (long j = 0; j < fold.keys().countUpTo(query); j++) {
            pairs.merge(new Pair(query, fold.keys().position(j)), 1, Integer::sum);
          }
        }
      }
    }
    return pairs;
  }
}
