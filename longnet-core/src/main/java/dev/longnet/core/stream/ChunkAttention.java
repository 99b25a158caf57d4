package dev.longnet.core.stream;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.core.config.ModelConfig;
import java.lang.foreign.MemorySegment;

/// Attention of a chunk's queries to the chunk's own keys and the cached ones, by the operator's
/// accumulating primitive. A segment that began before the chunk is read from its cache, the
/// chunk's rows appended first; one that begins in the chunk is read from the chunk, and only what
/// is left of the last one is kept.
final class ChunkAttention {
  private final StreamingModel model;
  private final ModelConfig config;
  private final MemorySegment qkv;
  private final MemorySegment mixed;
  private final MemorySegment lse;
  private final int c;
  private final int d;

  /// @param qkv [T, 3C]
  /// @param mixed [T, C]
  /// @param lse [H, T]
  ChunkAttention(StreamingModel model, MemorySegment qkv, MemorySegment mixed, MemorySegment lse) {
    this.model = model;
    this.config = model.config();
    this.qkv = qkv;
    this.mixed = mixed;
    this.lse = lse;
    this.c = config.hidden();
    this.d = config.headSize();
  }

  /// The accumulated log-sum-exps of rows `[first, last)` of a head.
  RowScalars norms(int head, int first, int last) {
    return new RowScalars(
        lse, (long) head * model.options().chunkTokens() + first, 1, last - first);
  }

  /// Makes room for what `n` more tokens leave behind or need on the way.
  void reserve(StreamState state, int n) {
    long from = state.position;
    long to = from + n;
    for (RowCache[] layer : state.caches) {
      for (int i = 0; i < layer.length; i++) {
        long rows = 0;
        long held = 0;
        for (int head = 0; head < config.heads(); head++) {
          held = Math.max(held, model.holdings().get(i).held(head, from));
          rows =
              Math.max(
                  rows,
                  switch (model.holdings().get(i)) {
                    case Holding.LiveSegment live -> {
                      long start = live.start(from);
                      long first =
                          start < from
                              ? live.kept(head, start, start, end(live, start, to)).count()
                              : 0;
                      yield Math.max(first, live.held(head, to));
                    }
                    case Holding.Columns columns -> columns.held(head, to);
                  });
        }
        layer[i].reserve(rows, held);
      }
    }
  }

  /// Adds the attention of all holdings of one layer into `mixed`, whose log-sum-exps start at
  /// -inf.
  void run(StreamState state, int layer, int n) {
    RowCache[] caches = state.caches[layer];
    long from = state.position;
    long to = from + n;
    int heads = config.heads();
    int threads = model.team().size();
    model.team().run(heads, (head, worker) -> append(caches, head, from, to));
    // Enough tasks for every thread, few enough that keys are not packed again and again.
    int pieces =
        heads % threads == 0 || heads >= 4 * threads ? 1 : Math.min(4, Math.ceilDiv(n, 256));
    int length = Math.ceilDiv(n, pieces);
    model
        .team()
        .run(
            heads * pieces,
            (task, worker) -> {
              long first = from + (long) (task / heads) * length;
              fold(caches, task % heads, from, first, Math.min(to, first + length));
            });
    model.team().run(heads, (head, worker) -> keep(caches, head, from, to));
  }

  private static long end(Holding.LiveSegment live, long start, long to) {
    return to - start <= live.length() ? to : start + live.length();
  }

  private void append(RowCache[] caches, int head, long from, long to) {
    for (int i = 0; i < caches.length; i++) {
      switch (model.holdings().get(i)) {
        case Holding.LiveSegment live -> {
          long start = live.start(from);
          if (start < from) {
            Rows rows = live.kept(head, start, from, end(live, start, to));
            copy(caches[i], head, live.kept(head, start, start, from).count(), rows, from);
          }
        }
        case Holding.Columns columns -> {
          long row = columns.held(head, from);
          for (long end = columns.held(head, to); row < end; row++) {
            long position =
                row / columns.columns() * columns.block()
                    + columns.column(head, row % columns.columns());
            copy(caches[i], head, row, new Rows(position, 1, 1), from);
          }
        }
      }
    }
  }

  private void keep(RowCache[] caches, int head, long from, long to) {
    for (int i = 0; i < caches.length; i++) {
      if (model.holdings().get(i) instanceof Holding.LiveSegment live && live.start(to) >= from) {
        copy(caches[i], head, 0, live.kept(head, live.start(to), live.start(to), to), from);
      }
    }
  }

  private void copy(RowCache cache, int head, long row, Rows rows, long from) {
    for (long j = 0; j < rows.count(); j++) {
      long key = element(rows.position(j) - from, 1, head);
      cache.put(head, row + j, qkv, key, key + c);
    }
  }

  /// Element index in `qkv` of a row's part: 0 query, 1 key, 2 value.
  private long element(long row, int part, int head) {
    return row * 3 * c + (long) part * c + (long) head * d;
  }

  private HeadRows inChunk(Rows rows, int part, int head, long from) {
    return new HeadRows(
        qkv,
        ElementType.FLOAT32,
        element(rows.first() - from, part, head),
        rows.stride() * 3 * c,
        d,
        rows);
  }

  /// Queries `[first, last)` of a chunk that starts at `from`.
  private void fold(RowCache[] caches, int head, long from, long first, long last) {
    for (int i = 0; i < caches.length; i++) {
      RowCache cache = caches[i];
      switch (model.holdings().get(i)) {
        case Holding.LiveSegment live -> {
          for (long start = live.start(first); start < last; start = end(live, start, last)) {
            long end = end(live, start, last);
            Rows queries = live.kept(head, start, Math.max(first, start), end);
            if (queries.isEmpty()) {
              continue;
            }
            Rows keys = live.kept(head, start, start, queries.last() + 1);
            if (start < from) {
              fold(
                  head,
                  from,
                  queries,
                  cached(cache.keys(), cache, head, 0, 1, keys),
                  cached(cache.values(), cache, head, 0, 1, keys));
            } else {
              fold(head, from, queries, inChunk(keys, 1, head, from), inChunk(keys, 2, head, from));
            }
          }
        }
        case Holding.Columns columns -> {
          for (long block = first / columns.block(); block * columns.block() < last; block++) {
            long start = Math.max(first, block * columns.block());
            long end = Math.min(last, (block + 1) * columns.block());
            Rows queries = new Rows(start, 1, end - start);
            boolean even = columns.block() % columns.columns() == 0;
            for (long t = 0; t < (even ? 1 : columns.columns()); t++) {
              Rows keys =
                  even
                      ? new Rows(
                          columns.column(head, 0), columns.stride(), block * columns.columns())
                      : new Rows(columns.column(head, t), columns.block(), block);
              long step = even ? 1 : columns.columns();
              if (!keys.isEmpty()) {
                fold(
                    head,
                    from,
                    queries,
                    cached(cache.keys(), cache, head, t, step, keys),
                    cached(cache.values(), cache, head, t, step, keys));
              }
            }
          }
        }
      }
    }
  }

  private HeadRows cached(
      MemorySegment data, RowCache cache, int head, long row, long step, Rows rows) {
    return new HeadRows(data, ElementType.FLOAT32, cache.element(head, row), step * d, d, rows);
  }

  private void fold(int head, long from, Rows queries, HeadRows keys, HeadRows values) {
    long row = queries.first() - from;
    HeadRows out =
        new HeadRows(
            mixed,
            ElementType.FLOAT32,
            row * c + (long) head * d,
            queries.stride() * c,
            d,
            queries);
    RowScalars norms =
        new RowScalars(
            lse,
            (long) head * model.options().chunkTokens() + row,
            queries.stride(),
            queries.count());
    model.attention().fold(inChunk(queries, 0, head, from), keys, values, true, out, norms);
  }
}
