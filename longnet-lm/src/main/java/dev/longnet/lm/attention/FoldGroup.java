// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Folds of one branch that one strided view each of queries and keys can show: neighbouring heads
/// whose rows start a constant distance apart, in neighbouring segments that are a constant
/// distance apart. Integers only.
///
/// @param causal whether query i sees keys 0 to i only; rows and keys are then the same positions.
///   Otherwise it sees all
/// @param first whether no other group of the pattern comes before for these query rows
record FoldGroup(
    boolean causal,
    boolean first,
    int firstHead,
    int heads,
    long segments,
    View queries,
    View keys) {

  /// Positions `first + segment perSegment + head perHead + i stride`, with head counted from the
  /// group's first.
  record View(long first, long stride, long count, long perHead, long perSegment) {
    private View(Rows rows) {
      this(rows.first(), rows.stride(), rows.count(), 0, 0);
    }

    private boolean sameRows(View other) {
      return stride == other.stride && count == other.count;
    }

    private View withPerHead(long positions) {
      return new View(first, stride, count, positions, perSegment);
    }

    private View withPerSegment(long positions) {
      return new View(first, stride, count, perHead, positions);
    }
  }

  /// All groups of a pattern, by branch.
  static List<List<FoldGroup>> of(AttentionPattern pattern, int heads, long tokens) {
    List<List<FoldGroup>> branches = new ArrayList<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      List<FoldGroup> done = new ArrayList<>();
      List<FoldGroup> open = new ArrayList<>();
      long end = tokens == 0 ? 0 : pattern.endSegment(branch, tokens, tokens);
      for (long segment = 0; segment < end; segment++) {
        List<FoldGroup> next = segment(pattern, branch, segment, heads, tokens);
        List<FoldGroup> joined = joined(open, next);
        if (joined.isEmpty()) {
          done.addAll(open);
          open = next;
        } else {
          open = joined;
        }
      }
      done.addAll(open);
      branches.add(List.copyOf(done));
    }
    return List.copyOf(branches);
  }

  /// One segment's groups.
  private static List<FoldGroup> segment(
      AttentionPattern pattern, int branch, long segment, int heads, long tokens) {
    List<FoldGroup> groups = new ArrayList<>();
    // Groups that may still take in the next head, by their place among the pieces of a fold.
    List<FoldGroup> previous = new ArrayList<>();
    for (int head = 0; head < heads; head++) {
      List<FoldGroup> pieces = new ArrayList<>();
      Fold fold = pattern.fold(branch, segment, head, heads, tokens);
      split(fold.queries(), fold.keys(), pattern.causal(), branch == 0, head, pieces);
      for (int i = 0; i < pieces.size(); i++) {
        FoldGroup grown =
            previous.size() == pieces.size() ? previous.get(i).plusHead(pieces.get(i)) : null;
        if (grown != null) {
          groups.remove(previous.get(i));
          pieces.set(i, grown);
        }
        groups.add(pieces.get(i));
      }
      previous = pieces;
    }
    return groups;
  }

  /// Cuts a fold into pieces whose mask is either nothing or the plain triangle.
  private static void split(
      Rows queries, Rows keys, boolean causal, boolean first, int head, List<FoldGroup> pieces) {
    if (queries.isEmpty() || keys.isEmpty()) {
      return;
    }
    if (!causal) {
      piece(false, first, head, queries, keys, pieces);
      return;
    }
    Rows rest = keys.within(queries.first(), queries.last() + 1);
    if (rest.isEmpty() || rest.equals(queries)) {
      Rows before = keys.within(0, queries.first());
      piece(false, first, head, queries, before, pieces);
      piece(true, first && before.isEmpty(), head, queries, rest, pieces);
    } else if (queries.count() == 1) {
      piece(false, first, head, queries, keys.slice(0, keys.countUpTo(queries.first())), pieces);
    } else {
      long half = queries.count() / 2;
      split(queries.slice(0, half), keys, true, first, head, pieces);
      split(queries.slice(half, queries.count()), keys, true, first, head, pieces);
    }
  }

  private static void piece(
      boolean causal, boolean first, int head, Rows queries, Rows keys, List<FoldGroup> pieces) {
    if (!keys.isEmpty()) {
      pieces.add(new FoldGroup(causal, first, head, 1, 1, new View(queries), new View(keys)));
    }
  }

  /// This group with the next head's piece; null when one view cannot show both.
  private @Nullable FoldGroup plusHead(FoldGroup piece) {
    long perHeadQueries = piece.queries.first - queries.first - queries.perHead * (heads - 1L);
    long perHeadKeys = piece.keys.first - keys.first - keys.perHead * (heads - 1L);
    boolean fits =
        piece.causal == causal
            && piece.first == first
            && piece.queries.sameRows(queries)
            && piece.keys.sameRows(keys)
            && perHeadQueries >= 0
            && perHeadKeys >= 0
            && (heads == 1 || perHeadQueries == queries.perHead && perHeadKeys == keys.perHead);
    return fits
        ? new FoldGroup(
            causal,
            first,
            firstHead,
            heads + 1,
            1,
            queries.withPerHead(perHeadQueries),
            keys.withPerHead(perHeadKeys))
        : null;
  }

  /// The open groups, each with the next segment's; empty when they do not match one by one.
  private static List<FoldGroup> joined(List<FoldGroup> open, List<FoldGroup> next) {
    List<FoldGroup> joined = new ArrayList<>();
    for (int i = 0; i < next.size() && open.size() == next.size(); i++) {
      FoldGroup group = open.get(i).plusSegment(next.get(i));
      if (group == null) {
        return List.of();
      }
      joined.add(group);
    }
    return joined;
  }

  private @Nullable FoldGroup plusSegment(FoldGroup next) {
    long perSegmentQueries =
        next.queries.first - queries.first - queries.perSegment * (segments - 1);
    long perSegmentKeys = next.keys.first - keys.first - keys.perSegment * (segments - 1);
    boolean fits =
        next.causal == causal
            && next.first == first
            && next.firstHead == firstHead
            && next.heads == heads
            && next.queries.sameRows(queries)
            && next.keys.sameRows(keys)
            && next.queries.perHead == queries.perHead
            && next.keys.perHead == keys.perHead
            // Gradients are added through the view: its rows must not overlap.
            && perSegmentQueries > (queries.count - 1) * queries.stride
            && perSegmentKeys > (keys.count - 1) * keys.stride
            && (segments == 1
                || perSegmentQueries == queries.perSegment && perSegmentKeys == keys.perSegment);
    return fits
        ? new FoldGroup(
            causal,
            first,
            firstHead,
            heads,
            segments + 1,
            queries.withPerSegment(perSegmentQueries),
            keys.withPerSegment(perSegmentKeys))
        : null;
  }
}
