// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;

/// The forward fold. Keys are packed [#KEYS] at a time. [#QUERIES] queries at a time run an online
/// softmax over them, and their (O, LSE) is then merged into the accumulators. Subclasses say how a
/// block of queries attends.
///
/// What a row computes depends on its own keys alone, in key order. It does not depend on the tile
/// or block that the row shares.
@SuppressWarnings("NarrowCalculation") // bytes of one fold's working memory: far below 2^31
abstract class ForwardScratch extends Scratch {
  static final int KEYS = 4 * VectorLoops.KEYS;
  static final int QUERIES = 96;
  static final int TILE = VectorLoops.TILE_ROWS;

  /// O of the block's rows over these keys, before it is divided by its sum.
  final MemorySegment outputs = allocate((long) QUERIES * paddedSize);

  /// These sums, by lanes.
  final MemorySegment sums = allocate((long) QUERIES * loops.lanes);

  /// What each row's exponentials are shifted by.
  final MemorySegment shifts = allocate(QUERIES + loops.lanes);

  /// By what each row's past sums shrank at the last shift.
  final MemorySegment factors = allocate(QUERIES + loops.lanes);

  /// How many of the packed keys each row sees.
  final int[] limits = new int[QUERIES];

  private final MemorySegment copy = allocate((long) QUERIES * headSize);
  private final MemorySegment totals = allocate(QUERIES);
  private final MemorySegment scales = allocate(QUERIES);
  private final MemorySegment keeps = allocate(QUERIES);
  private final double[] ownNorms = new double[QUERIES];
  private final double[] norms = new double[QUERIES];

  ForwardScratch(VectorLoops loops, int headSize) {
    super(loops, headSize);
  }

  final void fold(
      HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    Source query = new Source(q, copy);
    Source key = new Source(k, copy);
    Source value = new Source(v, copy);
    Source output = new Source(out, copy);
    for (long from = 0; from < k.count(); from += KEYS) {
      int count = (int) Math.min(KEYS, k.count() - from);
      Rows positions = k.positions().slice(from, from + count);
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        return;
      }
      packKeys(key, value, from, count);
      for (long block = firstQuery; block < q.count(); block += QUERIES) {
        FoldChecks.stopIfInterrupted();
        int rows = (int) Math.min(QUERIES, q.count() - block);
        limits(q.positions(), block, rows, positions, causal, limits);
        packQueries(query, block, rows);
        int padded = Math.ceilDiv(rows, TILE) * TILE;
        loops.fill(sums.address(), (long) padded * loops.lanes * 4, 0);
        loops.fill(
            shifts.address(),
            Math.ceilDiv(padded, loops.lanes) * loops.lanes * 4L,
            VectorLoops.LOWEST);
        attend(rows);
        merge(output, lse, block, rows);
      }
    }
  }

  abstract void packKeys(Source key, Source value, long from, int count);

  abstract void packQueries(Source query, long block, int rows);

  /// Fills outputs, sums and shifts of the block's rows. Sums and shifts begin as those of no keys.
  abstract void attend(int rows);

  private void merge(Source output, RowScalars lse, long block, int rows) {
    // Every step runs for all rows, so that no row waits for the steps of the one before. Every row
    // sees a key, because rows begin with the first that does and see ever more.
    loops.totals(sums.address(), rows, totals.address(), scales.address());
    for (int i = 0; i < rows; i++) {
      ownNorms[i] = getFloat(shifts, i) + log(getFloat(totals, i));
    }
    read(lse, block, rows, norms);
    long to = output.address(block, rows);
    for (int from = 0, end; from < rows; from = end) {
      boolean fresh = norms[from] == Double.NEGATIVE_INFINITY;
      end = from + 1;
      while (end < rows && norms[end] == Double.NEGATIVE_INFINITY == fresh) {
        end++;
      }
      long sources = outputs.address() + (long) from * rowBytes;
      long targets = to + from * output.stride();
      long factors = scales.address() + from * 4L;
      if (fresh) {
        System.arraycopy(ownNorms, from, norms, from, end - from);
        loops.store(sources, rowBytes, targets, output.stride(), end - from, headSize, factors);
      } else {
        weigh(from, end);
        loops.blend(
            sources,
            rowBytes,
            targets,
            output.stride(),
            end - from,
            headSize,
            keeps.address() + from * 4L,
            factors);
      }
    }
    output.writeBack(block, rows);
    write(norms, lse, block, rows);
  }

  /// Computes the weights of the past and of these keys in rows `from` to `end`, and the new norms.
  private void weigh(int from, int end) {
    for (int i = from; i < end; i++) {
      double past = norms[i];
      double own = ownNorms[i];
      // The larger has weight 1 before both are divided by their sum.
      double top = Math.max(past, own);
      double smaller = Math.exp(Math.min(past, own) - top);
      double all = 1 + smaller;
      setFloat(keeps, i, (float) ((own > past ? smaller : 1) / all));
      setFloat(scales, i, (float) ((own > past ? 1 : smaller) / all / getFloat(totals, i)));
      norms[i] = top + Math.log(all);
    }
  }
}
