// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;

class ShardCountsTest {
  private static final int HEADS = 3;

  /// What enumeration of all pairs says of a shard.
  private static final class Enumerated {
    final List<double[]> pairs = new ArrayList<>();
    final List<Set<Long>> rowsOfBranch = new ArrayList<>();
    final Set<Long> rows = new HashSet<>();

    Enumerated(AttentionPattern pattern, long tokens, long first, long end) {
      for (int branch = 0; branch < pattern.branches(); branch++) {
        double[] localAndRemote = new double[2];
        Set<Long> ofBranch = new HashSet<>();
        for (int head = 0; head < HEADS; head++) {
          for (long s = 0; s < pattern.endSegment(branch, tokens, tokens); s++) {
            Fold fold = pattern.fold(branch, s, head, HEADS, tokens);
            for (long q = 0; q < fold.queries().count(); q++) {
              long query = fold.queries().position(q);
              Rows seen = fold.seen(query, pattern.causal());
              for (long k = 0; k < seen.count() && query >= first && query < end; k++) {
                long key = seen.position(k);
                boolean own = key >= first && key < end;
                localAndRemote[own ? 0 : 1]++;
                if (!own) {
                  ofBranch.add(key * HEADS + head);
                }
              }
            }
          }
        }
        pairs.add(localAndRemote);
        rowsOfBranch.add(ofBranch);
        rows.addAll(ofBranch);
      }
    }
  }

  @Test
  void countsWhatEnumerationFinds() {
    Random random = new Random(11);
    for (int round = 0; round < 400; round++) {
      boolean causal = random.nextBoolean();
      AttentionPattern pattern = RandomPatterns.any(random, causal);
      long tokens = 1 + random.nextInt(90);
      long first = random.nextLong(tokens + 1);
      long end = first + random.nextLong(tokens - first + 1);
      String shard = pattern + ", shard " + first + " to " + end + " of " + tokens;
      Enumerated expected = new Enumerated(pattern, tokens, first, end);
      ShardCounts counts = new ShardCounts(pattern, tokens, HEADS);
      List<ShardCounts.Load> loads = counts.loads(first, end);
      for (int branch = 0; branch < loads.size(); branch++) {
        ShardCounts.Load load = loads.get(branch);
        assertThat(load.localPairs()).as(shard).isEqualTo(expected.pairs.get(branch)[0]);
        assertThat(load.remotePairs()).as(shard).isEqualTo(expected.pairs.get(branch)[1]);
        if (pattern instanceof DilatedAttentionSpec) {
          assertThat(load.rows()).as(shard).isEqualTo(expected.rowsOfBranch.get(branch).size());
        }
      }
      assertThat(counts.rows(first, end, 0, tokens) - own(counts, first, end))
          .as(shard)
          .isEqualTo(expected.rows.size());
    }
  }

  /// Remote rows only are wanted, so none in the shard.
  private static long own(ShardCounts counts, long first, long end) {
    long own = counts.rows(first, end, first, end);
    assertThat(own).isZero();
    return own;
  }

  /// What the ranks really send.
  @Test
  void countsWhatTheShardsPlansSend() {
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      int heads = 1 + random.nextInt(4);
      long tokens = 1 + random.nextInt(300);
      AttentionPattern pattern = RandomPatterns.ofAnyKind(random, heads, tokens);
      Shards shards = Shards.of(RandomPatterns.boundaries(random, 1 + random.nextInt(9), tokens));
      ShardCounts counts = new ShardCounts(pattern, tokens, heads);
      for (int shard = 0; shard < shards.count(); shard++) {
        ShardPlan plan = ShardPlan.of(pattern, shards, shard, heads);
        long first = shards.first(shard);
        long end = shards.end(shard);
        String as = "seed " + seed + ": shard " + shard + " of " + shards + ", " + pattern;
        assertThat(counts.rows(first, end, 0, tokens)).as(as).isEqualTo(plan.rowsReceived());
        assertThat(
                counts.loads(first, end).stream().mapToDouble(ShardCounts.Load::remotePairs).sum())
            .as(as)
            .isEqualTo(plan.remotePairs());
      }
    }
  }

  /// The paper's ladder and a long one, where segments alike are visited once.
  @Test
  void countsWhatLongShardsPlansSend() {
    for (int ranks : new int[] {3, 8, 16}) {
      AttentionPattern pattern = DilatedAttentionSpec.paper(true);
      long[] boundaries = new long[ranks + 1];
      for (int i = 0; i <= ranks; i++) {
        boundaries[i] = 32_768L * i / ranks;
      }
      Shards shards = Shards.of(boundaries);
      ShardCounts counts = new ShardCounts(pattern, 32_768, 12);
      for (int shard : new int[] {0, 1, ranks - 1}) {
        ShardPlan plan = ShardPlan.of(pattern, shards, shard, 12);
        assertThat(counts.rows(shards.first(shard), shards.end(shard), 0, 32_768))
            .isEqualTo(plan.rowsReceived());
      }
    }
  }

  @Test
  void aRowThatSeveralBranchesWantCountsOnce() {
    var pattern =
        DilatedAttentionSpec.of(
            new long[] {64, 64}, new long[] {4, 2}, true, HeadOffsets.INTERLEAVED);
    ShardCounts counts = new ShardCounts(pattern, 64, 1);
    assertThat(counts.loads(32, 64).stream().map(ShardCounts.Load::rows)).containsExactly(8L, 16L);
    assertThat(counts.rows(32, 64, 0, 32)).isEqualTo(16);
    assertThat(counts.rows(32, 64, 16, 32)).isEqualTo(8);
  }

  @Test
  void oneHeadOfAllIsCountedAlone() {
    ShardCounts counts = new ShardCounts(DilatedAttentionSpec.paper(true), 32_768, 12);
    double all = counts.loads(16_384, 32_768).getFirst().localPairs();
    assertThat(counts.loads(16_384, 32_768, 1).getFirst().localPairs()).isEqualTo(all / 12);
  }

  @Test
  void refusesShardsThatAreNoPartOfTheSequence() {
    ShardCounts counts = new ShardCounts(DilatedAttentionSpec.dense(true), 10, 1);
    assertThatThrownBy(() -> counts.loads(5, 11))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a shard must lie in the sequence of 10 tokens: 5 to 11");
  }
}
