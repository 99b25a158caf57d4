// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.StreamablePattern;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// Which positions one cache of keys and values holds, in integers only: the live rows of a branch
/// of the pattern, or of several branches whose rows lie in turns. Rows of a head lie in the cache
/// in the order of their positions: row i of branch b at `i n + b - first`.
///
/// A branch that sees the segment before its own comes with a branch of these segments, and both
/// share a cache. Its halves hold segments in turns: what was the own segment becomes the one
/// before without being moved.
///
/// A chunk is `[from, to)`. Keys are read from the chunk where all of them lie in it. Else they are
/// read from the cache, to which the chunk's own are appended first.
///
/// What one token asks of it is asked once for each of its rows, so that part is written to be
/// fast.
final class LiveRows {
  /// Tokens after which rows of branches that never forget are compared.
  private static final long MANY = 1L << 40;

  private final StreamablePattern pattern;
  private final int heads;

  /// Branch, and how many from it on.
  private final int first;

  private final int n;
  private final boolean sharesCache;
  private final boolean hasSegmentBefore;

  /// Rows of a half of the cache; 0 where it has no halves.
  private final long half;

  /// @param first branch
  /// @param n how many branches
  private LiveRows(StreamablePattern pattern, int heads, int first, int n) {
    this.pattern = pattern;
    this.heads = heads;
    this.first = first;
    this.n = n;
    this.sharesCache = pattern.keepsSegmentBefore(first);
    this.hasSegmentBefore = first + n < pattern.branches() && pattern.keepsSegmentBefore(first + n);
    this.half = sharesCache || hasSegmentBefore ? pattern.mostKeys(first) : 0;
  }

  /// Puts rows of the chunk into a cache.
  interface Placement {
    /// @param row where the first of them goes
    /// @param step rows of the cache between two of them
    /// @param rows their positions
    void put(long row, long step, Rows rows);
  }

  /// Receives queries with the keys they may see.
  interface Folds {
    /// @param row of the cache that holds the first key
    /// @param step rows of the cache between two keys
    void cached(Fold fold, long row, long step);

    /// The keys are rows of the chunk.
    void inChunk(Fold fold);
  }

  /// The caches of a pattern. Branches that never forget and whose rows lie in turns, such as the
  /// columns of sparse attention, share one, which a single query then reads in one go.
  static List<LiveRows> of(StreamablePattern pattern, int heads) {
    List<LiveRows> all = new ArrayList<>();
    for (int first = 0; first < pattern.branches(); first += all.getLast().n) {
      int n = 1;
      while (first + n < pattern.branches() && inTurns(pattern, heads, first, first + n)) {
        n++;
      }
      all.add(new LiveRows(pattern, heads, first, n));
    }
    return List.copyOf(all);
  }

  private static boolean inTurns(StreamablePattern pattern, int heads, int first, int next) {
    Rows a = pattern.live(first, 0, heads, MANY);
    Rows before = pattern.live(next - 1, 0, heads, MANY);
    Rows b = pattern.live(next, 0, heads, MANY);
    return pattern.mostKeys(first) == Long.MAX_VALUE
        && pattern.mostKeys(next) == Long.MAX_VALUE
        && a.stride() == b.stride()
        && b.first() > before.first()
        && b.first() < a.first() + a.stride();
  }

  /// Whether these are the segments before, in the cache of the own ones.
  boolean sharesCache() {
    return sharesCache;
  }

  /// The most rows a head can come to hold.
  long mostRows() {
    if (half > 0) {
      return 2 * half;
    }
    return n == 1 ? pattern.mostKeys(first) : Long.MAX_VALUE;
  }

  /// The heads that hold rows.
  int[] standing() {
    return IntStream.range(0, heads).filter(head -> pattern.standsOn(first, head)).toArray();
  }

  /// Rows a head holds when `tokens` tokens have been read and the next one is about to be.
  long held(int head, long tokens) {
    long held = 0;
    for (int b = 0; b < n; b++) {
      held += live(b, head, tokens).count();
    }
    return held;
  }

  /// The row of the cache at which they begin.
  long start(long tokens) {
    return half == 0 ? 0 : startOf(pattern.firstSegment(first, tokens));
  }

  private long startOf(long segment) {
    return (segment + (sharesCache ? 1 : 0)) % 2 * half;
  }

  /// One past the last row of the cache that a head uses, for the segments before too.
  long end(int head, long tokens) {
    long end = start(tokens) + held(head, tokens);
    return hasSegmentBefore ? Math.max(end, before().end(head, tokens)) : end;
  }

  private LiveRows before() {
    return new LiveRows(pattern, heads, first + n, 1);
  }

  private Rows live(int b, int head, long tokens) {
    return pattern.live(first + b, head, heads, tokens);
  }

  /// What is live at `from`, and what a chunk adds to it before it is forgotten.
  private Rows extended(int b, int head, long from, long to) {
    Rows before = live(b, head, from);
    if (sharesCache) {
      return before;
    }
    Rows after = live(b, head, to);
    if (before.isEmpty() || !after.isEmpty() && after.first() == before.first()) {
      return before.isEmpty() ? before : after;
    }
    return pattern.fold(first + b, pattern.firstSegment(first + b, from), head, heads, to).keys();
  }

  /// Rows a head needs room for while a chunk is read and after it.
  long room(int head, long from, long to) {
    long room = 0;
    for (int b = 0; b < n; b++) {
      long rows = extended(b, head, from, to).count();
      long after = live(b, head, to).count();
      room = rows == 0 ? room : Math.max(room, start(from) + (rows - 1) * n + b + 1);
      room = after == 0 ? room : Math.max(room, start(to) + (after - 1) * n + b + 1);
    }
    return hasSegmentBefore ? Math.max(room, before().room(head, from, to)) : room;
  }

  /// What a head's cache takes before the chunk is mixed: what goes on of what is live.
  void append(int head, long from, long to, Placement cache) {
    for (int b = 0; b < n; b++) {
      long held = live(b, head, from).count();
      Rows rows = extended(b, head, from, to);
      cache.put(start(from) + held * n + b, n, rows.slice(held, rows.count()));
    }
  }

  /// What a head's cache takes once the chunk is mixed: what began in the chunk and goes on.
  void keep(int head, long from, long to, Placement cache) {
    for (int b = 0; b < n; b++) {
      Rows rows = live(b, head, to);
      if (!rows.isEmpty() && rows.first() >= from) {
        cache.put(start(to) + b, n, rows);
      }
    }
  }

  /// The folds of queries `[start, end)` of a chunk `[from, to)`.
  void folds(int head, long from, long to, long start, long end, Folds folds) {
    for (int branch = first; branch < first + n; branch++) {
      long last = pattern.endSegment(branch, end, to);
      for (long s = pattern.firstSegment(branch, start); s < last; s++) {
        Fold whole = pattern.fold(branch, s, head, heads, to);
        Rows queries = whole.queries().within(start, end);
        if (queries.isEmpty()) {
          continue;
        }
        Fold fold = whole.of(queries, whole.keys().within(0, queries.last() + 1));
        if (fold.queries().isEmpty() || fold.keys().isEmpty()) {
          continue;
        }
        if (fold.keys().first() < from) {
          folds.cached(fold, startOf(s) + index(fold, s, head, to) + branch - first, n);
        } else {
          folds.inChunk(fold);
        }
      }
    }
  }

  /// The place of a fold's first key among the rows of its keys' segment.
  private long index(Fold fold, long segment, int head, long tokens) {
    return sharesCache
        ? pattern
            .fold(first - 1, segment - 1, head, heads, tokens)
            .keys()
            .countBefore(fold.keys().first())
        : 0;
  }

  /// One token's step.
  ///
  /// @param own where the head's cache takes the token's row; -1 where neither its query sees it
  ///   nor a later one, or the row comes with the own segments
  /// @param first row of the cache that its query sees
  /// @param count of the rows it sees from there on, its own row put before
  record Step(long own, long first, long count) {}

  /// What the token at a position does to a head's cache, and sees of it.
  Step step(int head, long position) {
    long start = start(position);
    if (sharesCache) {
      Rows seen = pattern.seen(first, head, heads, position);
      long skipped = seen.isEmpty() ? 0 : live(0, head, position).countBefore(seen.first());
      return new Step(-1, start + skipped, seen.count());
    }
    long own = -1;
    long count = 0;
    for (int b = 0; b < n; b++) {
      Rows seen = pattern.seen(first + b, head, heads, position);
      count += seen.count();
      if (own < 0) {
        Rows rows = endsAt(seen, position) ? seen : live(b, head, position + 1);
        own = endsAt(rows, position) ? start + (rows.count() - 1) * n + b : -1;
      }
    }
    return new Step(own, start, count);
  }

  private static boolean endsAt(Rows rows, long position) {
    return !rows.isEmpty() && rows.last() == position;
  }
}
