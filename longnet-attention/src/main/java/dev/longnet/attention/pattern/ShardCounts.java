// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalLong;
import java.util.Set;
import java.util.stream.LongStream;
import java.util.stream.Stream;

/// How much a shard of a sequence computes and needs of the others, counted without a row being
/// listed where possible: a plan for a thousand shards of a billion tokens asks for many of them.
///
/// @param tokens N of the whole sequence
/// @param heads H
public record ShardCounts(AttentionPattern pattern, long tokens, int heads) {
  /// Segments of a branch at either end of a shard that may differ from those between.
  private static final int ENDS = 2;

  public ShardCounts {
    if (tokens < 1 || heads < 1) {
      throw new IllegalArgumentException(
          "tokens and heads must be positive: tokens=" + tokens + ", heads=" + heads);
    }
  }

  /// What one branch of the pattern has a shard do, all heads together.
  ///
  /// @param localPairs query-key pairs whose key is the shard's own
  /// @param remotePairs pairs whose key is another shard's
  /// @param rows key rows of other shards that the branch wants
  public record Load(double localPairs, double remotePairs, long rows) {
    private static final Load NONE = new Load(0, 0, 0);

    private Load plus(Load other, double times) {
      return new Load(
          localPairs + times * other.localPairs,
          remotePairs + times * other.remotePairs,
          rows + other.rows);
    }
  }

  /// The loads of the shard of positions `[first, end)`, by branch of the pattern.
  public List<Load> loads(long first, long end) {
    return loads(first, end, heads);
  }

  /// As [#loads(long, long)], of the first `some` heads alone.
  public List<Load> loads(long first, long end, int some) {
    check(first, end);
    List<Load> loads = new ArrayList<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      Load sum = Load.NONE;
      for (int head = 0; head < some && first < end; head++) {
        sum = sum.plus(load(branch, head, first, end), 1);
      }
      loads.add(sum);
    }
    return loads;
  }

  private Load load(int branch, int head, long first, long end) {
    Load sum = Load.NONE;
    Set<Rows> wanted = new HashSet<>();
    for (Visit visit : visits(branch, first, end)) {
      Parts parts = parts(branch, visit.segment, head, first, end);
      Load one =
          new Load(
              parts.own.pairs(pattern.causal()),
              parts.before.pairs(pattern.causal()) + parts.after.pairs(pattern.causal()),
              0);
      parts.addWanted(wanted);
      sum = sum.plus(one, visit.times);
    }
    return sum.plus(new Load(0, 0, wanted.stream().mapToLong(Rows::count).sum()), 1);
  }

  /// The rows of other shards that queries of the shard `[first, end)` see, all heads together: a
  /// row that several branches want counts once, as it travels once.
  ///
  /// @param from of those in `[from, to)` alone
  public long rows(long first, long end, long from, long to) {
    check(first, end);
    long all = 0;
    for (int head = 0; head < heads && first < end; head++) {
      all += distinct(wanted(head, first, end).stream().map(r -> r.within(from, to)).toList());
    }
    return all;
  }

  private Set<Rows> wanted(int head, long first, long end) {
    Set<Rows> wanted = new HashSet<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      for (Visit visit : visits(branch, first, end)) {
        parts(branch, visit.segment, head, first, end).addWanted(wanted);
      }
    }
    return wanted;
  }

  /// A segment, and how many are like it.
  private record Visit(long segment, long times) {}

  /// The segments of a branch with queries in a shard. Where all segments between the shard's ends
  /// are alike, one stands for them.
  private List<Visit> visits(int branch, long first, long end) {
    long from = pattern.firstSegment(branch, first);
    long to = pattern.endSegment(branch, end, end);
    boolean alike = pattern instanceof DilatedAttentionSpec && to - from > 2 * ENDS;
    List<Visit> visits = new ArrayList<>();
    for (long segment = from; segment < to; segment++) {
      boolean typical = alike && segment == from + ENDS;
      long times = typical ? to - from - 2 * ENDS : 1;
      visits.add(new Visit(segment, times));
      segment += times - 1;
    }
    return visits;
  }

  /// The folds of a segment's queries in a shard.
  ///
  /// @param own to the shard's keys
  /// @param before to keys before the shard
  /// @param after to keys behind it
  private record Parts(Fold own, Fold before, Fold after) {
    void addWanted(Set<Rows> wanted) {
      for (Fold remote : List.of(before, after)) {
        if (!remote.queries().isEmpty() && !remote.keys().isEmpty()) {
          wanted.add(remote.keys());
        }
      }
    }
  }

  private Parts parts(int branch, long segment, int head, long first, long end) {
    Fold fold = pattern.fold(branch, segment, head, heads, tokens);
    Rows queries = fold.queries().within(first, end);
    Rows keys = fold.keys();
    if (pattern.causal() && !queries.isEmpty()) {
      keys = keys.slice(0, keys.countUpTo(queries.last()));
    }
    return new Parts(
        fold.of(queries, keys.within(first, end)),
        fold.of(queries, keys.within(0, first)),
        fold.of(queries, keys.within(end, tokens)));
  }

  /// How many positions rows have together.
  static long distinct(List<Rows> lists) {
    List<Rows> rising =
        lists.stream()
            .filter(rows -> !rows.isEmpty())
            .sorted(Comparator.comparingLong(Rows::stride))
            .toList();
    long sum = 0;
    for (int i = 0; i < rising.size(); i++) {
      OptionalLong more = beyond(rising.subList(0, i), rising.get(i));
      if (more.isEmpty()) {
        return enumerated(rising);
      }
      sum += more.getAsLong();
    }
    return sum;
  }

  /// How many rows lie on none of the others. Where strides divide theirs, rows either lie on
  /// another's line, and are lost from its first to its last, or never meet it.
  ///
  /// @return empty where a stride does not divide that of the rows
  private static OptionalLong beyond(List<Rows> others, Rows rows) {
    List<Rows> left = List.of(rows);
    for (Rows other : others) {
      if (rows.stride() % other.stride() != 0 && rows.count() > 1) {
        return OptionalLong.empty();
      }
      if ((rows.first() - other.first()) % other.stride() == 0) {
        left =
            left.stream()
                .flatMap(part ->
                    Stream.of(
                        part.within(0, other.first()),
                        part.within(other.last() + 1, Long.MAX_VALUE)))
                .filter(part -> !part.isEmpty())
                .toList();
      }
    }
    return OptionalLong.of(left.stream().mapToLong(Rows::count).sum());
  }

  private static long enumerated(List<Rows> lists) {
    return lists.stream()
        .flatMapToLong(rows -> LongStream.range(0, rows.count()).map(rows::position))
        .sorted()
        .distinct()
        .count();
  }

  private void check(long first, long end) {
    if (first < 0 || end < first || end > tokens) {
      throw new IllegalArgumentException(
          "a shard must lie in the sequence of " + tokens + " tokens: " + first + " to " + end);
    }
  }
}
