// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.FoldRows;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;

/// Attention of a chunk's queries to the chunk's own keys and the cached ones, by the operator's
/// accumulating primitive. A segment that began before the chunk is read from its cache, the
/// chunk's rows appended first; one that begins in the chunk is read from the chunk, and only what
/// is left of the last one is kept.
final class ChunkAttention {
  private final AttentionGeometry geometry;
  private final RowCache[] caches;
  private final Work work;
  private final AttentionScratch scratch;
  private final MemorySegment qkv;
  private final MemorySegment mixed;
  private final long from;
  private final long to;
  private final int c;
  private final int d;

  /// @param work holds the chunk's query, key and value rows [T, 3C]
  /// @param from where the chunk begins
  ChunkAttention(AttentionGeometry geometry, RowCache[] caches, Work work, long from, int tokens) {
    this.geometry = geometry;
    this.caches = caches;
    this.work = work;
    this.scratch = work.scratch(geometry.scratch);
    this.qkv = work.rows().segment();
    this.mixed = work.mixed().segment();
    this.from = from;
    this.to = from + tokens;
    this.c = geometry.hidden;
    this.d = geometry.headSize;
  }

  void run() {
    int heads = geometry.heads;
    int threads = work.team().size();
    int n = (int) (to - from);
    work.team().run(heads, (head, worker) -> begin(head));
    // Enough tasks for every thread, few enough that keys are not packed again and again.
    int pieces =
        heads % threads == 0 || heads >= 4 * threads ? 1 : Math.min(4, Math.ceilDiv(n, 256));
    int length = Math.ceilDiv(n, pieces);
    work.team()
        .run(
            heads * pieces,
            (task, worker) -> {
              long first = from + (long) (task / heads) * length;
              fold(task % heads, first, Math.min(to, first + length));
            });
    work.team().run(heads, (head, worker) -> keep(head));
  }

  /// Puts a head's rows where they are read. Queries that see no key end as they are set here: a
  /// head's share of all rows to 0, its log-sum-exps to -inf.
  private void begin(int head) {
    long first = (to - from) * head / geometry.heads;
    long last = (to - from) * (head + 1) / geometry.heads;
    mixed.asSlice(4 * first * c, 4 * (last - first) * c).fill((byte) 0);
    scratch.norms(head, 0, 1, to - from).fill(Double.NEGATIVE_INFINITY);
    for (int i = 0; i < caches.length; i++) {
      RowCache cache = caches[i];
      geometry
          .live
          .get(i)
          .append(head, from, to, (row, step, rows) -> copy(cache, head, row, step, rows));
    }
  }

  private void keep(int head) {
    for (int i = 0; i < caches.length; i++) {
      RowCache cache = caches[i];
      geometry
          .live
          .get(i)
          .keep(head, from, to, (row, step, rows) -> copy(cache, head, row, step, rows));
    }
  }

  private void copy(RowCache cache, int head, long row, long step, Rows rows) {
    for (long j = 0; j < rows.count(); j++) {
      long key = element(rows.position(j), 1, head);
      cache.put(head, row + j * step, qkv, key, key + c);
    }
  }

  /// Folds queries `[first, last)`.
  private void fold(int head, long first, long last) {
    for (int i = 0; i < caches.length; i++) {
      RowCache cache = caches[i];
      LiveRows.Folds folds =
          new LiveRows.Folds() {
            @Override
            public void cached(Fold fold, long row, long step) {
              fold(
                  head,
                  fold,
                  cachedRows(cache.keys().segment(), cache, head, row, step, fold.keys()),
                  cachedRows(cache.values().segment(), cache, head, row, step, fold.keys()));
            }

            @Override
            public void inChunk(Fold fold) {
              fold(head, fold, chunkRows(fold.keys(), 1, head), chunkRows(fold.keys(), 2, head));
            }
          };
      geometry.live.get(i).folds(head, from, to, first, last, folds);
    }
  }

  private HeadRows cachedRows(
      MemorySegment data, RowCache cache, int head, long row, long step, Rows rows) {
    return new HeadRows(data, ElementType.FLOAT32, cache.element(head, row), step * d, d, rows);
  }

  private HeadRows chunkRows(Rows rows, int part, int head) {
    long element = element(rows.first(), part, head);
    return new HeadRows(qkv, ElementType.FLOAT32, element, rows.stride() * 3 * c, d, rows);
  }

  /// Element index of a position's part: 0 query, 1 key, 2 value.
  private long element(long position, int part, int head) {
    return (position - from) * 3 * c + (long) part * c + (long) head * d;
  }

  private void fold(int head, Fold fold, HeadRows keys, HeadRows values) {
    Rows queries = fold.queries();
    long row = queries.first() - from;
    HeadRows out =
        new HeadRows(
            mixed,
            ElementType.FLOAT32,
            row * c + (long) head * d,
            queries.stride() * c,
            d,
            queries);
    RowScalars norms = scratch.norms(head, row, queries.stride(), queries.count());
    FoldRows rows = new FoldRows(fold);
    geometry.kernel.fold(
        rows.queries(chunkRows(queries, 0, head)),
        rows.keys(keys),
        rows.keys(values),
        true,
        rows.queries(out),
        rows.scalars(norms));
  }
}
