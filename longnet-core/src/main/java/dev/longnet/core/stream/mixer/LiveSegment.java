package dev.longnet.core.stream.mixer;

import dev.longnet.attention.HeadOffsets;
import dev.longnet.attention.Rows;

/// The live segment of one branch of dilated attention: at most ceil(w / r) rows a head, forgotten
/// at its end.
///
/// @param length w
/// @param dilation r
record LiveSegment(long length, long dilation, HeadOffsets offsets, int heads) implements LiveRows {
  /// Where the segment of `position` starts.
  private long start(long position) {
    return position - position % length;
  }

  /// Where the segment ends that starts at `start`, or `to` before.
  private long end(long start, long to) {
    return to - start <= length ? to : start + length;
  }

  /// The positions in `[from, to)` that a head keeps, of the segment that starts at `start` and
  /// holds them all.
  private Rows kept(int head, long start, long from, long to) {
    long first = start + offsets.offset(head, heads, dilation);
    if (first < from) {
      first += Math.ceilDiv(from - first, dilation) * dilation;
    }
    return first >= to
        ? new Rows(from, dilation, 0)
        : new Rows(first, dilation, (to - first - 1) / dilation + 1);
  }

  @Override
  public long mostRows() {
    return Math.ceilDiv(length, dilation);
  }

  @Override
  public long held(int head, long tokens) {
    return kept(head, start(tokens), start(tokens), tokens).count();
  }

  @Override
  public long room(int head, long from, long to) {
    long start = start(from);
    long open = start < from ? kept(head, start, start, end(start, to)).count() : 0;
    return Math.max(open, held(head, to));
  }

  /// The rest of a segment that began before the chunk.
  @Override
  public void append(int head, long from, long to, Placement cache) {
    long start = start(from);
    if (start < from) {
      cache.put(held(head, from), kept(head, start, from, end(start, to)));
    }
  }

  /// The beginning of a segment that goes on after the chunk.
  @Override
  public void keep(int head, long from, long to, Placement cache) {
    long start = start(to);
    if (start >= from) {
      cache.put(0, kept(head, start, start, to));
    }
  }

  @Override
  public void folds(int head, long from, long first, long last, Folds folds) {
    for (long start = start(first); start < last; start = end(start, last)) {
      Rows queries = kept(head, start, Math.max(first, start), end(start, last));
      if (queries.isEmpty()) {
        continue;
      }
      Rows keys = kept(head, start, start, queries.last() + 1);
      if (start < from) {
        folds.cached(queries, keys, 0, 1);
      } else {
        folds.inChunk(queries, keys);
      }
    }
  }

  @Override
  public boolean keeps(int head, long position) {
    return !kept(head, start(position), position, position + 1).isEmpty();
  }

  @Override
  public long seen(int head, long position) {
    return keeps(head, position) ? held(head, position) + 1 : 0;
  }
}
