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
/// @param causal whether query i sees keys 0 to i only, as many keys as queries. Otherwise it sees
///   all
/// @param backwards whether i counts from the last row: query i sees the last keys alone
/// @param first whether no other group of the pattern comes before for these query rows
record FoldGroup(
    boolean causal,
    boolean backwards,
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
      new Pieces(fold, branch == 0, head, pieces).split(pattern.causal());
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

  /// Cuts a fold into pieces whose mask is either nothing or the plain triangle. The rows of a
  /// windowed fold are mirrored first ([dev.longnet.attention.kernel.FoldRows]): then causality
  /// does what the window does.
  ///
  /// @param first whether the fold's branch is the first
  private record Pieces(Fold fold, boolean first, int head, List<FoldGroup> to) {

    void split(boolean causal) {
      Rows queries = fold.queries();
      Rows keys = fold.keys();
      if (queries.isEmpty() || keys.isEmpty()) {
        return;
      }
      if (fold.isWindowed()) {
        causal(queries.mirrored(fold.mirrorOfQueries()), keys.mirrored(fold.mirrorOfKeys()), first);
      } else if (causal) {
        causal(queries, keys, first);
      } else {
        piece(false, first, queries, keys);
      }
    }

    private void causal(Rows queries, Rows keys, boolean first) {
      if (queries.isEmpty() || keys.countUpTo(queries.last()) == 0) {
        return;
      }
      if (keys.last() <= queries.first()) {
        piece(false, first, queries, keys);
        return;
      }
      if (queries.count() == 1) {
        piece(false, first, queries, keys.slice(0, keys.countUpTo(queries.first())));
      } else if (queries.stride() == keys.stride()) {
        triangle(queries, keys, first);
      } else if (keys.stride() % queries.stride() == 0
          && keys.stride() / queries.stride() < queries.count()) {
        // Every so many queries have the keys' stride.
        long classes = keys.stride() / queries.stride();
        for (long c = 0; c < classes; c++) {
          long count = (queries.count() - c - 1) / classes + 1;
          causal(new Rows(queries.position(c), keys.stride(), count), keys, first);
        }
      } else {
        long half = queries.count() / 2;
        causal(queries.slice(0, half), keys, first);
        causal(queries.slice(half, queries.count()), keys, first);
      }
    }

    /// The next query sees one key more. All see the first ones; a triangle follows, and where keys
    /// end before queries do, the last queries see it whole.
    private void triangle(Rows all, Rows keys, boolean first) {
      Rows queries = all.within(keys.first(), Long.MAX_VALUE);
      long seen = keys.countUpTo(queries.first());
      Rows before = keys.slice(0, seen - 1);
      Rows rest = keys.slice(seen - 1, Math.min(keys.count(), seen - 1 + queries.count()));
      piece(false, first, queries, before);
      piece(true, first && before.isEmpty(), queries.slice(0, rest.count()), rest);
      piece(false, first && before.isEmpty(), queries.slice(rest.count(), queries.count()), rest);
    }

    private void piece(boolean causal, boolean first, Rows queries, Rows keys) {
      if (keys.isEmpty() || queries.isEmpty()) {
        return;
      }
      boolean turned = fold.isWindowed();
      to.add(
          new FoldGroup(
              causal,
              causal && turned,
              first,
              head,
              1,
              1,
              new View(turned ? queries.mirrored(fold.mirrorOfQueries()) : queries),
              new View(turned ? keys.mirrored(fold.mirrorOfKeys()) : keys)));
    }
  }

  /// This group with the next head's piece; null when one view cannot show both.
  private @Nullable FoldGroup plusHead(FoldGroup piece) {
    long perHeadQueries = piece.queries.first - queries.first - queries.perHead * (heads - 1L);
    long perHeadKeys = piece.keys.first - keys.first - keys.perHead * (heads - 1L);
    boolean fits =
        piece.causal == causal
            && piece.backwards == backwards
            && piece.first == first
            && piece.queries.sameRows(queries)
            && piece.keys.sameRows(keys)
            && perHeadQueries >= 0
            && perHeadKeys >= 0
            && (heads == 1 || perHeadQueries == queries.perHead && perHeadKeys == keys.perHead);
    return fits
        ? new FoldGroup(
            causal,
            backwards,
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
            && next.backwards == backwards
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
            backwards,
            first,
            firstHead,
            heads,
            segments + 1,
            queries.withPerSegment(perSegmentQueries),
            keys.withPerSegment(perSegmentKeys))
        : null;
  }
}
