// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;
import static org.assertj.core.api.Assertions.within;

import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.IntStream;
import java.util.stream.LongStream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

class ShardPlanTest {
  /// Every row that queries of a shard see in another one is received, once and from its owner, and
  /// no other row is; none comes from the future. Own and remote folds have each pair of the
  /// pattern as often as the pattern.
  @Test
  void whatQueriesSeeArrivesOnceAndNothingElse() {
    for (long seed = 0; seed < 600; seed++) {
      Random random = new Random(seed);
      int heads = 1 + random.nextInt(4);
      long tokens = random.nextInt(70);
      AttentionPattern pattern = RandomPatterns.ofAnyKind(random, heads, tokens);
      int count = 1 + random.nextInt(random.nextInt(4) == 0 ? 40 : 6);
      Shards shards = Shards.of(RandomPatterns.boundaries(random, count, tokens));
      String as = "seed %d: %s, %s".formatted(seed, shards, pattern);
      List<ShardPlan> plans = plans(pattern, shards, heads);
      for (int head = 0; head < heads; head++) {
        Map<List<Long>, Integer> pairs = SpanPatternTest.pairs(pattern, head, heads, tokens);
        Map<List<Long>, Integer> found = new HashMap<>();
        for (int shard = 0; shard < count; shard++) {
          ShardPlan plan = plans.get(shard);
          long first = shards.first(shard);
          long end = shards.end(shard);
          Set<Long> needed = new TreeSet<>();
          for (List<Long> pair : pairs.keySet()) {
            boolean own = pair.get(1) >= first && pair.get(1) < end;
            if (own && (pair.get(2) < first || pair.get(2) >= end)) {
              needed.add(pair.get(2));
            }
          }
          assertThat(positions(plan.received(head))).as(as).containsExactlyElementsOf(needed);
          List<Long> received = new ArrayList<>();
          for (int other = 0; other < count; other++) {
            List<Long> ofOther = positions(plan.received(other, head));
            assertThat(ofOther)
                .as(as)
                .isEqualTo(positions(plans.get(other).sent(shard, head)))
                .allMatch(new Owner(shards, other)::has);
            received.addAll(ofOther);
          }
          assertThat(received).as(as).isEqualTo(positions(plan.received(head)));
          if (pattern.causal()) {
            assertThat(received).as(as).allMatch(position -> position < first);
          }
          for (RemoteFold fold : plan.folds(head)) {
            RemoteRows rows = plan.rows(head).get(fold.rows());
            assertThat(fold.fold().keys()).as(as).isEqualTo(rows.keys());
            for (int i = 0; i < rows.keys().count(); i++) {
              assertThat(plan.received(head).at(rows.slot(i)))
                  .as(as)
                  .isEqualTo(rows.keys().position(i));
            }
            SpanPatternTest.add(fold.fold(), pattern.causal(), fold.branch(), found);
          }
          AttentionPattern local = SpanPattern.of(pattern, first, shards.length(shard), tokens);
          SpanPatternTest.pairs(local, head, heads, shards.length(shard))
              .forEach((pair, times) ->
                  found.merge(
                      List.of(pair.get(0), pair.get(1) + first, pair.get(2) + first),
                      times,
                      Integer::sum));
        }
        assertThat(found).as(as).isEqualTo(pairs);
      }
    }
  }

  private record Owner(Shards shards, int shard) {
    boolean has(long position) {
      return position >= shards.first(shard) && position < shards.end(shard);
    }
  }

  @Test
  void pairsAreThoseOfRemoteFolds() {
    for (long seed = 0; seed < 300; seed++) {
      Random random = new Random(seed);
      int heads = 1 + random.nextInt(3);
      long tokens = random.nextInt(70);
      AttentionPattern pattern = RandomPatterns.ofAnyKind(random, heads, tokens);
      Shards shards = Shards.of(RandomPatterns.boundaries(random, 5, tokens));
      double all = 0;
      double apart = 0;
      for (int head = 0; head < heads; head++) {
        all += pattern.pairs(head, heads, tokens);
      }
      for (int shard = 0; shard < 5; shard++) {
        ShardPlan plan = ShardPlan.of(pattern, shards, shard, heads);
        apart += plan.remotePairs();
        long length = shards.length(shard);
        AttentionPattern local = SpanPattern.of(pattern, shards.first(shard), length, tokens);
        for (int head = 0; head < heads; head++) {
          apart += local.pairs(head, heads, length);
        }
      }
      assertThat(apart).as("seed %d: %s", seed, pattern).isEqualTo(all);
    }
  }

  /// What a shard receives for a head, branch by branch, is the sum of (w - L) / r over the
  /// branches with w > L. Rows that several branches want travel once, which saves some.
  @Test
  void receivedRowsAreThoseOfTheFormula() {
    long tokens = 32768;
    int heads = 12;
    // MB of float32 that a layer of hidden size 768 receives, from the design's table.
    Map<Integer, Double> table = new TreeMap<>(Map.of(2, 8.4, 4, 21.0, 8, 34.0, 16, 46.0));
    DilatedAttentionSpec bidirectional = DilatedAttentionSpec.paper(false);
    table.forEach((count, megabytes) -> {
      long length = tokens / count;
      Shards shards = Shards.of(even(tokens, count));
      double formula = 0;
      for (Branch branch : bidirectional.segments()) {
        double rest = branch.segmentLength() - length;
        formula += Math.max(0, rest) / branch.dilation();
      }
      assertThat(2 * 768 * 4 * formula / 1e6).isCloseTo(megabytes, within(0.5));
      // Without causality every shard needs as much; with it, the last one of all segments does.
      for (boolean causal : new boolean[] {false, true}) {
        ShardPlan plan = ShardPlan.of(DilatedAttentionSpec.paper(causal), shards, count - 1, heads);
        long wanted = 0;
        long received = 0;
        for (int head = 0; head < heads; head++) {
          for (RemoteFold fold : plan.folds(head)) {
            wanted += fold.fold().keys().count();
          }
          received += plan.received(head).count();
        }
        // One row more or less a branch and head, where r does not divide.
        assertThat((double) wanted / heads).isCloseTo(formula, within(5.0));
        assertThat(received).isEqualTo(plan.rowsReceived()).isLessThanOrEqualTo(wanted);
        if (count == 16) {
          assertThat(received).isLessThan(wanted);
        }
      }
    });
  }

  /// 2^30 tokens on 1,024 shards: each pair of shards agrees on what travels, each position travels
  /// once, and a plan takes no time that grows with the sequence.
  @Test
  void aBillionTokensOnAThousandShardsArePlannedInSeconds() {
    long tokens = 1L << 30;
    int count = 1024;
    int heads = 4;
    DilatedAttentionSpec spec = ladder(2048, tokens, true);
    Shards shards = Shards.of(even(tokens, count));
    long length = tokens / count;
    long began = System.nanoTime();
    List<ShardPlan> plans =
        IntStream.of(0, 1, 2, 3, 511, 512, 513, 767, 1022, 1023)
            .mapToObj(shard -> ShardPlan.of(spec, shards, shard, heads))
            .toList();
    double seconds = (System.nanoTime() - began) * 1e-9;
    for (ShardPlan plan : plans) {
      for (ShardPlan other : plans) {
        for (int head = 0; head < heads; head++) {
          assertThat(positions(plan.received(other.shard(), head)))
              .isEqualTo(positions(other.sent(plan.shard(), head)));
        }
      }
      for (int head = 0; head < heads; head++) {
        Positions received = plan.received(head);
        for (int i = 1; i < received.count(); i++) {
          assertThat(received.at(i)).isGreaterThan(received.at(i - 1));
        }
        assertThat(received.count() == 0 ? -1 : received.at(received.count() - 1))
            .isLessThan(shards.first(plan.shard()));
        long wanted = plan.folds(head).stream().mapToLong(f -> f.fold().keys().count()).sum();
        long visible = 0;
        for (Branch branch : spec.segments()) {
          long start = shards.first(plan.shard()) / branch.segmentLength();
          visible +=
              (shards.first(plan.shard()) - start * branch.segmentLength()) / branch.dilation();
        }
        assertThat(wanted).isEqualTo(visible);
      }
    }
    // The last shard sees all global branches whole: the sum of (w - L) / r.
    double formula = 0;
    for (Branch branch : spec.segments()) {
      formula += Math.max(0, branch.segmentLength() - length) / (double) branch.dilation();
    }
    assertThat(plans.getLast().folds(0).stream().mapToLong(f -> f.fold().keys().count()).sum())
        .isEqualTo((long) formula);
    assertThat(seconds).as("ten plans").isLessThan(10);
  }

  /// All of them: a pair of shards agrees on what travels, and a shard gets each row once, none
  /// from behind its own.
  @Test
  @Tag("slow") // a million pairs of shards
  void everyRowOfABillionTokensIsSentOnce() {
    long tokens = 1L << 30;
    int count = 1024;
    DilatedAttentionSpec spec = ladder(2048, tokens, true);
    Shards shards = Shards.of(even(tokens, count));
    List<ShardPlan> plans = plans(spec, shards, 1);
    long sent = 0;
    BitSet seen = new BitSet();
    for (ShardPlan to : plans) {
      Positions received = to.received(0);
      int next = 0;
      for (ShardPlan from : plans) {
        List<Long> rows = positions(from.sent(to.shard(), 0));
        assertThat(rows).isEqualTo(positions(to.received(from.shard(), 0)));
        sent += rows.size();
        // By shard they are the rows in their order, so none comes twice or is missing.
        for (long row : rows) {
          boolean own = row >= shards.first(from.shard()) && row < shards.end(from.shard());
          if (row != received.at(next++) || !own) {
            fail("row %d from %d to %d", row, from.shard(), to.shard());
          }
        }
        if (!rows.isEmpty()) {
          assertThat(from.shard()).as("causal: from before").isLessThan(to.shard());
        }
      }
      assertThat((long) next).isEqualTo(received.count());
      // What its queries see of others is what it gets.
      seen.clear();
      for (RemoteFold fold : to.folds(0)) {
        Rows keys = fold.fold().keys();
        for (int i = 0; i < keys.count(); i++) {
          seen.set(Math.toIntExact(keys.position(i)));
        }
      }
      assertThat(seen.cardinality()).isEqualTo(received.count());
    }
    assertThat(sent).isPositive();
  }

  /// With as many shards and rows a branch, eight times the tokens move the same bytes.
  @Test
  void bytesDoNotGrowWithTheSequence() {
    for (boolean causal : new boolean[] {true, false}) {
      List<Long> rows =
          LongStream.of(1L << 15, 1L << 18, 1L << 21, 1L << 40)
              .map(tokens -> {
                // As many branches reach across shards, each with as many rows.
                DilatedAttentionSpec spec = ladder(256, tokens, causal);
                Shards shards = Shards.of(even(tokens, 16));
                long all = 0;
                for (int shard = 0; shard < 16; shard++) {
                  all += ShardPlan.of(spec, shards, shard, 2).rowsReceived();
                }
                return all;
              })
              .boxed()
              .toList();
      assertThat(rows).allMatch(count -> count > 0 && count <= rows.getFirst());
    }
  }

  @Test
  void refusesWhatIsNoShard() {
    assertThatThrownBy(() -> Shards.of(0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "boundaries must begin with 0 and end with the number of tokens: boundaries=[0]");
    assertThatThrownBy(() -> Shards.of(0, 5, 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("boundaries must never fall: boundaries=[0, 5, 4]");
    AttentionPattern pattern = DilatedAttentionSpec.paper(true);
    assertThatThrownBy(() -> ShardPlan.of(pattern, Shards.of(0, 5), 1, 1))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("shard must be from 0 to below 1: shard=1");
  }

  /// w = `shortest`, twice that … `tokens`, with one number of rows a segment.
  private static DilatedAttentionSpec ladder(long shortest, long tokens, boolean causal) {
    List<Branch> branches = new ArrayList<>();
    for (long w = shortest; w <= tokens; w *= 2) {
      branches.add(new Branch(w, w / shortest));
    }
    return new DilatedAttentionSpec(branches, causal);
  }

  private static long[] even(long tokens, int count) {
    return LongStream.rangeClosed(0, count).map(i -> tokens / count * i).toArray();
  }

  private static List<ShardPlan> plans(AttentionPattern pattern, Shards shards, int heads) {
    return IntStream.range(0, shards.count())
        .mapToObj(shard -> ShardPlan.of(pattern, shards, shard, heads))
        .toList();
  }

  private static List<Long> positions(Positions positions) {
    return IntStream.range(0, positions.count()).mapToObj(positions::at).toList();
  }
}
