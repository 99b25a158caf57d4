// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.OptionalLong;
import java.util.TreeMap;

/// Says who attends to whom, in integers only.
///
/// A pattern is a set of branches, a branch is a sequence of segments, and a segment is one [Fold]
/// per head. All folds of a head share one softmax: a key that several folds offer to a query
/// counts several times (paper, eq. 9-10). Segments of one branch have disjoint query rows, whose
/// positions grow with the segment's number. A longer sequence has the segments of a shorter one
/// under the same numbers, and more rows in them or behind them.
public interface AttentionPattern {
  /// Whether a query sees only keys at its own position or before.
  boolean causal();

  /// The number of branches.
  int branches();

  /// The first segment of the branch that may read or update a row at position `from` or later.
  long firstSegment(int branch, long from);

  /// One past the last segment of the branch that may read or update a row before position `to`.
  ///
  /// @param to exclusive, in `[0, tokens]`
  long endSegment(int branch, long to, long tokens);

  /// The rows of one head in one segment of one branch, of a sequence of `tokens` positions. Either
  /// side may be empty.
  Fold fold(int branch, long segment, int head, int heads, long tokens);

  /// A length P such that no fold has rows on both sides of a multiple of P. So nothing attends
  /// across these multiples, and positions of which only differences count may begin anew at each.
  ///
  /// Empty where there is none up to 2^62, or where the pattern does not know one.
  default OptionalLong period() {
    return OptionalLong.empty();
  }

  /// The number of a segment that is like most others of the branch.
  default long typicalSegment(int branch) {
    return 0;
  }

  /// How many keys a segment of the branch offers to a query at most, in a sequence of any length:
  /// `Long.MAX_VALUE` where they grow with it, or the pattern does not know.
  default long mostKeys(int branch) {
    return Long.MAX_VALUE;
  }

  /// By how many keys of zeros torchscale pads this segment of a head in a bidirectional sequence;
  /// 0 where it knows no such pattern.
  default long paddingKeys(int branch, long segment, int head, int heads, long tokens) {
    return 0;
  }

  /// The number of query-key pairs that one head of a sequence computes. A pair costs 4 D
  /// floating-point operations forward. This default visits every segment.
  default double pairs(int head, int heads, long tokens) {
    double pairs = 0;
    for (int branch = 0; branch < branches(); branch++) {
      long end = endSegment(branch, tokens, tokens);
      for (long segment = 0; segment < end; segment++) {
        pairs += fold(branch, segment, head, heads, tokens).pairs(causal());
      }
    }
    return pairs;
  }

  /// The number of neighbouring positions within which nearly all pairs (95 %) of a head lie,
  /// judged by one segment of every branch. Rows that lie no further apart should be in the cache
  /// together.
  default long reach(int heads, long tokens) {
    return reach(0, heads, tokens);
  }

  /// As [#reach(int, long)], of one head.
  default long reach(int head, int heads, long tokens) {
    TreeMap<Long, Double> pairsBySpan = new TreeMap<>();
    for (int branch = 0; branch < branches() && tokens > 0; branch++) {
      long segments = endSegment(branch, tokens, tokens);
      Fold fold = fold(branch, Math.min(typicalSegment(branch), segments - 1), head, heads, tokens);
      if (!fold.queries().isEmpty() && !fold.keys().isEmpty()) {
        long first = Math.min(fold.queries().first(), fold.keys().first());
        long span = Math.max(fold.queries().last(), fold.keys().last()) + 1 - first;
        pairsBySpan.merge(span, fold.pairs(causal()) * segments, Double::sum);
      }
    }
    double all = pairsBySpan.values().stream().mapToDouble(Double::doubleValue).sum();
    double within = 0;
    for (var entry : pairsBySpan.entrySet()) {
      within += entry.getValue();
      if (within >= 0.95 * all) {
        return Math.max(1, entry.getKey());
      }
    }
    return 1;
  }
}
