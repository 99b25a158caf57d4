// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/// Which rows a shard of a sequence gives to the other shards and gets from them, in integers only.
///
/// A shard needs the K and V rows of another one that its own queries see: for each head the union
/// over all folds, so that a row which several branches want travels once. Sender and receiver ask
/// the same function for the same pair of shards, and so have the same list in the same order.
/// Nothing is padded, and 0 is a number of rows like any other. Under a causal pattern no row goes
/// to an earlier shard.
///
/// The time to make a plan grows with the folds that cross the shard's boundaries and with the rows
/// that travel, not with the length of the sequence.
public final class ShardPlan {
  private final AttentionPattern pattern;
  private final Shards shards;
  private final int shard;
  private final int heads;

  /// By shard and head.
  private final Positions[][] sent;

  private final Positions[][] received;

  /// By head.
  private final List<Positions> slots = new ArrayList<>();

  private final List<List<RemoteRows>> rows = new ArrayList<>();
  private final List<List<RemoteFold>> folds = new ArrayList<>();

  private ShardPlan(AttentionPattern pattern, Shards shards, int shard, int heads) {
    this.pattern = pattern;
    this.shards = shards;
    this.shard = shard;
    this.heads = heads;
    this.sent = new Positions[shards.count()][];
    this.received = new Positions[shards.count()][];
    for (int other = 0; other < shards.count(); other++) {
      sent[other] = needed(shard, other);
      received[other] = needed(other, shard);
    }
    for (int head = 0; head < heads; head++) {
      List<Positions> ofHead = new ArrayList<>();
      for (Positions[] ofShard : received) {
        ofHead.add(ofShard[head]);
      }
      slots.add(Positions.joined(ofHead));
      rows.add(new ArrayList<>());
      folds.add(new ArrayList<>());
    }
    if (shards.length(shard) > 0) {
      remoteFolds();
    }
  }

  /// The plan of one shard.
  ///
  /// @param heads H
  public static ShardPlan of(AttentionPattern pattern, Shards shards, int shard, int heads) {
    Objects.requireNonNull(pattern, "pattern");
    if (shard < 0 || shard >= shards.count()) {
      throw new IllegalArgumentException(
          "shard must be from 0 to below " + shards.count() + ": shard=" + shard);
    }
    if (heads < 1) {
      throw new IllegalArgumentException("heads must be positive: heads=" + heads);
    }
    return new ShardPlan(pattern, shards, shard, heads);
  }

  public AttentionPattern pattern() {
    return pattern;
  }

  public Shards shards() {
    return shards;
  }

  /// The number of the shard whose plan this is.
  public int shard() {
    return shard;
  }

  public int heads() {
    return heads;
  }

  /// The positions of this shard's rows of one head that shard `to` needs.
  public Positions sent(int to, int head) {
    return sent[to][head];
  }

  /// The positions of shard `from`'s rows of one head that this shard needs.
  public Positions received(int from, int head) {
    return received[from][head];
  }

  /// The positions of all rows of one head that this shard needs of others: those of shard 0, then
  /// those of shard 1 and so on, which is their order in the sequence.
  public Positions received(int head) {
    return slots.get(head);
  }

  /// The remote rows of one head that this shard's folds want, each run of them once.
  public List<RemoteRows> rows(int head) {
    return rows.get(head);
  }

  /// The folds of one head's queries in this shard to keys in others.
  public List<RemoteFold> folds(int head) {
    return folds.get(head);
  }

  /// Rows of all heads that go to other shards.
  public long rowsSent() {
    return count(sent);
  }

  /// Rows of all heads that come from other shards.
  public long rowsReceived() {
    return count(received);
  }

  /// The query-key pairs of all heads whose key is another shard's.
  public double remotePairs() {
    double pairs = 0;
    for (List<RemoteFold> ofHead : folds) {
      for (RemoteFold fold : ofHead) {
        pairs += fold.fold().pairs(pattern.causal());
      }
    }
    return pairs;
  }

  private static long count(Positions[][] lists) {
    long count = 0;
    for (Positions[] ofShard : lists) {
      for (Positions ofHead : ofShard) {
        count += ofHead.count();
      }
    }
    return count;
  }

  /// For each head the rows of shard `from` that queries of shard `to` see.
  private Positions[] needed(int from, int to) {
    Positions[] needed = new Positions[heads];
    List<Set<Rows>> seen = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      seen.add(new LinkedHashSet<>());
    }
    boolean none =
        from == to
            || shards.length(from) == 0
            || shards.length(to) == 0
            || pattern.causal() && from > to;
    for (int branch = 0; branch < pattern.branches() && !none; branch++) {
      long end =
          Math.min(
              endOfQueries(branch, to),
              pattern.endSegment(branch, shards.end(from), shards.tokens()));
      for (long segment =
              Math.max(
                  pattern.firstSegment(branch, shards.first(to)),
                  pattern.firstSegment(branch, shards.first(from)));
          segment < end;
          segment++) {
        for (int head = 0; head < heads; head++) {
          Fold part = part(branch, segment, head, to, shards.first(from), shards.end(from));
          if (!part.queries().isEmpty() && !part.keys().isEmpty()) {
            seen.get(head).add(part.keys());
          }
        }
      }
    }
    for (int head = 0; head < heads; head++) {
      Set<Rows> ofHead = seen.get(head);
      needed[head] = ofHead.isEmpty() ? Positions.NONE : Positions.union(ofHead);
    }
    return needed;
  }

  /// One past the last segment with queries of a shard: the last one of a sequence that ends there.
  private long endOfQueries(int branch, int shard) {
    return pattern.endSegment(branch, shards.end(shard), shards.end(shard));
  }

  /// The fold of a shard's queries to the keys in `[from, to)`, without keys that none of them
  /// sees.
  private Fold part(int branch, long segment, int head, int shard, long from, long to) {
    Fold fold = pattern.fold(branch, segment, head, heads, shards.tokens());
    Rows queries = fold.queries().within(shards.first(shard), shards.end(shard));
    Rows keys = fold.keys().within(from, to);
    if (pattern.causal() && !queries.isEmpty()) {
      keys = keys.slice(0, keys.countUpTo(queries.last()));
    }
    return fold.of(queries, keys);
  }

  /// Lists the folds with keys before the shard and behind it.
  private void remoteFolds() {
    long first = shards.first(shard);
    long end = shards.end(shard);
    List<Map<Rows, Integer>> numbers = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      numbers.add(new HashMap<>());
    }
    for (int branch = 0; branch < pattern.branches(); branch++) {
      long endOfQueries = endOfQueries(branch, shard);
      long endOfBefore = pattern.endSegment(branch, first, shards.tokens());
      for (long segment = pattern.firstSegment(branch, first);
          segment < Math.min(endOfQueries, endOfBefore);
          segment++) {
        remoteFolds(branch, segment, 0, first, numbers);
      }
      for (long segment = pattern.firstSegment(branch, end);
          segment < endOfQueries && !pattern.causal();
          segment++) {
        remoteFolds(branch, segment, end, shards.tokens(), numbers);
      }
    }
  }

  private void remoteFolds(
      int branch, long segment, long from, long to, List<Map<Rows, Integer>> numbers) {
    for (int head = 0; head < heads; head++) {
      Fold part = part(branch, segment, head, shard, from, to);
      if (part.queries().isEmpty() || part.keys().isEmpty()) {
        continue;
      }
      List<RemoteRows> ofHead = rows.get(head);
      Positions received = slots.get(head);
      int number =
          numbers
              .get(head)
              .computeIfAbsent(
                  part.keys(),
                  keys -> {
                    ofHead.add(new RemoteRows(keys, received.numbers(keys)));
                    return ofHead.size() - 1;
                  });
      folds.get(head).add(new RemoteFold(branch, part, number));
    }
  }
}
