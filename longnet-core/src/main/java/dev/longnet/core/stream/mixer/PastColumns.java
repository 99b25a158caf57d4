package dev.longnet.core.stream.mixer;

import dev.longnet.attention.Rows;

/// The columns of sparse attention: positions `head mod s + t s` (t < columns, s = floor(block /
/// columns)) of every block, seen by later blocks only. Grows with the stream.
record PastColumns(long block, long columns) implements LiveRows {
  private long stride() {
    return block / columns;
  }

  private long column(int head, long t) {
    return head % stride() + t * stride();
  }

  @Override
  public long mostRows() {
    return Long.MAX_VALUE;
  }

  @Override
  public long held(int head, long tokens) {
    long rest = tokens % block;
    long within = 0;
    while (within < columns && column(head, within) < rest) {
      within++;
    }
    return tokens / block * columns + within;
  }

  @Override
  public long room(int head, long from, long to) {
    return held(head, to);
  }

  @Override
  public void append(int head, long from, long to, Placement cache) {
    long end = held(head, to);
    for (long row = held(head, from); row < end; row++) {
      cache.put(row, new Rows(row / columns * block + column(head, row % columns), 1, 1));
    }
  }

  @Override
  public void keep(int head, long from, long to, Placement cache) {}

  /// Where the columns divide the block they have one stride throughout the past; else each column
  /// is a fold of its own.
  @Override
  public void folds(int head, long from, long first, long last, Folds folds) {
    boolean even = block % columns == 0;
    for (long number = first / block; number * block < last; number++) {
      long start = Math.max(first, number * block);
      Rows queries = new Rows(start, 1, Math.min(last, (number + 1) * block) - start);
      if (number == 0) {
        continue;
      }
      if (even) {
        folds.cached(queries, new Rows(column(head, 0), stride(), number * columns), 0, 1);
        continue;
      }
      for (long t = 0; t < columns; t++) {
        folds.cached(queries, new Rows(column(head, t), block, number), t, columns);
      }
    }
  }

  @Override
  public boolean keeps(int head, long position) {
    return held(head, position + 1) > held(head, position);
  }

  @Override
  public long seen(int head, long position) {
    return position / block * columns;
  }
}
