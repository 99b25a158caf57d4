// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// A pattern that a stream can follow: while a sequence is read token by token, the keys to hold
/// are one run of rows for each branch and head. Two runs of one branch and head begin with the
/// same row, or the later run holds only newer rows: a cache grows at its end or begins anew.
public interface StreamablePattern extends AttentionPattern {
  /// The key rows before position `tokens` that queries at `tokens` or later may see through the
  /// branch, or see once they are those of the segment before ([#keepsSegmentBefore]). A stream
  /// that has read `tokens` tokens holds these rows and can forget all others.
  ///
  /// @param tokens how many tokens have been read, 0 or more
  Rows live(int branch, int head, int heads, long tokens);

  /// A bound of how many rows [#live] has, too.
  @Override
  long mostKeys(int branch);

  /// Whether the branch's live rows are those of the segment before the next token's, which were
  /// the live rows of branch `branch - 1` until that segment ended. Both branches then cut the
  /// sequence into the same segments.
  default boolean keepsSegmentBefore(int branch) {
    return false;
  }

  /// Whether the branch has rows of this head in any segment.
  default boolean standsOn(int branch, int head) {
    return true;
  }

  /// The key rows at `position` or before that the query at `position` sees through the branch.
  /// None where the branch does not keep the query.
  default Rows seen(int branch, int head, int heads, long position) {
    Fold fold = fold(branch, firstSegment(branch, position), head, heads, position + 1);
    boolean kept = !fold.queries().within(position, position + 1).isEmpty();
    return kept ? fold.seen(position, true) : fold.keys().slice(0, 0);
  }
}
