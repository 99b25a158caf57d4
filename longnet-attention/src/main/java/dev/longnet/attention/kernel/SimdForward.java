package dev.longnet.attention.kernel;

import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;
import dev.longnet.attention.Rows;
import java.lang.foreign.MemorySegment;

/// The forward fold: keys are packed [#KEYS] at a time; [#QUERIES] queries at a time run an online softmax over them, tile by
/// tile; then their (O, LSE) is merged into the accumulators.
///
/// What a row computes depends on its own keys alone, in key order: not on the tile or block it shares.
final class SimdForward extends Scratch {
  static final int KEYS = 4 * VectorLoops.KEYS;
  static final int QUERIES = 96;
  private static final int TILE = VectorLoops.TILE_ROWS;

  private final MemorySegment panels = allocate((long) KEYS * paddedSize);
  private final MemorySegment values = allocate((long) KEYS * paddedSize);
  private final MemorySegment keyRows = allocate((long) loops.panelKeys * paddedSize);
  private final MemorySegment queries = allocate((long) QUERIES * paddedSize);
  private final MemorySegment outputs = allocate((long) QUERIES * paddedSize);
  private final MemorySegment tile = allocate((long) TILE * paddedSize);
  private final MemorySegment scores = allocate((long) TILE * VectorLoops.KEYS);
  private final MemorySegment max = allocate((long) TILE * loops.lanes);
  private final MemorySegment sums = allocate((long) QUERIES * loops.lanes);
  private final MemorySegment shifts = allocate(QUERIES + loops.lanes);
  private final MemorySegment factors = allocate(TILE + loops.lanes);
  private final MemorySegment copy = allocate((long) QUERIES * headSize);
  private final MemorySegment totals = allocate(QUERIES);
  private final MemorySegment scales = allocate(QUERIES);
  private final MemorySegment keeps = allocate(QUERIES);
  private final double[] ownNorms = new double[QUERIES];
  private final double[] norms = new double[QUERIES];
  private final int[] limits = new int[QUERIES];

  SimdForward(VectorLoops loops, int headSize) {
    super(loops, headSize);
  }

  void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
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
        query.pack(block, rows, scale, queries.address());
        attend(rows);
        merge(output, lse, block, rows);
      }
    }
  }

  private void packKeys(Source key, Source value, long from, int count) {
    int panel = loops.panelKeys;
    for (int at = 0; at < count; at += panel) {
      int n = Math.min(panel, count - at);
      value.pack(from + at, n, 1f, values.address() + (long) at * rowBytes);
      transpose(key, from + at, n, keyRows.address(), panels.address() + at / panel * panelBytes());
    }
  }

  private void attend(int rows) {
    int padded = Math.ceilDiv(rows, TILE) * TILE;
    loops.fill(sums.address(), (long) padded * loops.lanes * 4, 0);
    loops.fill(shifts.address(), Math.ceilDiv(padded, loops.lanes) * loops.lanes * 4L, VectorLoops.LOWEST);
    for (int from = 0; from < limits[rows - 1]; from += VectorLoops.KEYS) {
      for (int row = 0; row < rows; row += TILE) {
        int count = Math.min(VectorLoops.KEYS, limits[row + TILE - 1] - from);
        if (count > 0) {
          attend(row, from, count);
        }
      }
    }
  }

  private void attend(int row, int from, int count) {
    loops.fill(max.address(), (long) TILE * loops.lanes * 4, VectorLoops.LOWEST);
    long query = queries.address() + (long) row * rowBytes;
    long keys = panels.address() + (long) from * rowBytes;
    // Panels that every row of the tile sees whole; in the others some keys must be hidden, also from a row's maximum.
    int open = Math.clamp(limits[row] - from, 0, count) / loops.panelKeys;
    int registers = Math.ceilDiv(count, loops.lanes);
    int clear = open * loops.panelKeys / loops.lanes;
    if (open > 0) {
      loops.scores(query, rowBytes, keys, panelBytes(), scores.address(), open, headSize, max.address());
    }
    if (clear < registers) {
      loops.products(query, rowBytes, keys + open * panelBytes(), panelBytes(), scores.address() + clear * loops.lanes * 4L,
          registers - clear, headSize);
      loops.maskedMax(scores.address(), clear, registers, limits, row, from, max.address());
    }
    long shift = shifts.address() + row * 4L;
    loops.shift(max.address(), shift, factors.address());
    loops.softmax(scores.address(), clear, registers, limits, row, from, shift, factors.address(),
        sums.address() + (long) row * loops.lanes * 4);
    long to = outputs.address() + (long) row * rowBytes;
    long rows = values.address() + (long) from * rowBytes;
    if (from == 0) {
      loops.mix(scores.address(), rows, rowBytes, to, count, paddedSize);
    } else {
      loops.mix(scores.address(), rows, rowBytes, tile.address(), count, paddedSize);
      loops.combine(tile.address(), to, factors.address(), rowBytes);
    }
  }

  private void merge(Source output, RowScalars lse, long block, int rows) {
    // Step by step for all rows, so that no row waits for the steps of the one before. Every row sees a key: they begin with the first
    // that does, and see ever more.
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
        loops.blend(sources, rowBytes, targets, output.stride(), end - from, headSize, keeps.address() + from * 4L, factors);
      }
    }
    output.writeBack(block, rows);
    write(norms, lse, block, rows);
  }

  /// What of the past and of these keys goes into rows `from` to `end`, and their norms.
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
