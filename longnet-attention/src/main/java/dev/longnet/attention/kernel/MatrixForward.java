// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;

/// The forward fold of bfloat16 rows in products of bfloat16 matrices. For [VectorLoops#KEYS] keys
/// at a time it computes S = Q K^T, then P = exp(S) in vector loops, rounded to bfloat16, then O +=
/// P V. Scores, sums and O are float32.
final class MatrixForward extends ForwardScratch {
  private static final int STEP = VectorLoops.KEYS;

  /// Rows that multiply with the same keys: as few as see about as many.
  private static final int GROUP = 32;

  private final BfloatProducts products;
  private final Operands operands = new Operands(this);
  private final MemorySegment keyRows = allocate((long) loops.panelKeys * headSize / 2);
  private final MemorySegment keyPanels = allocate((long) KEYS * headSize / 2);
  private final MemorySegment values = allocate((long) KEYS * headSize / 2);
  private final MemorySegment valueRows = allocate((long) STEP * headSize / 2);
  private final MemorySegment queries = allocate((long) QUERIES * headSize / 2);
  private final MemorySegment scores = allocate((long) QUERIES * STEP);
  private final MemorySegment weights = allocate((long) QUERIES * STEP / 2);
  private final MemorySegment max = allocate((long) TILE * loops.lanes);

  MatrixForward(VectorLoops loops, BfloatProducts products, int headSize) {
    super(loops, headSize);
    this.products = products;
  }

  @Override
  void packKeys(Source key, Source value, long from, int count) {
    int panel = loops.panelKeys;
    for (int at = 0; at < count; at += panel) {
      int n = Math.min(panel, count - at);
      key.copy(from + at, n, keyRows.address());
      loops.transpose(
          keyRows.address(),
          headSize * 2L,
          n,
          headSize / 2,
          keyPanels.address() + (long) at * headSize * 2);
    }
    for (int at = 0; at < count; at += STEP) {
      int n = Math.min(STEP, count - at);
      value.copy(from + at, n, valueRows.address());
      operands.pairs(
          valueRows.address(), n, roundUp(n), STEP, values.address() + (long) at * headSize * 2);
    }
  }

  @Override
  void packQueries(Source query, long block, int rows) {
    // What stands behind them takes part in the products: nobody reads those rows' results.
    query.copy(block, rows, queries.address());
  }

  @Override
  void attend(int rows) {
    int m = tall(rows);
    for (int from = 0; from < limits[rows - 1]; from += STEP) {
      score(m, from, Math.min(STEP, limits[rows - 1] - from));
      for (int row = 0; row < rows; row += TILE) {
        // A tile may end in the next group, whose keys are the more.
        weights(row, from, seen((row + TILE - 1) / GROUP * GROUP, from));
      }
      if (from > 0) {
        loops.store(
            outputs.address(),
            rowBytes,
            outputs.address(),
            rowBytes,
            rows,
            headSize,
            factors.address());
      }
      // Groups of rows that see about as many keys go together.
      for (int first = 0, end; first < m; first = end) {
        int k = seen(first, from);
        end = first + GROUP;
        while (end < m && seen(end, from) == k) {
          end += GROUP;
        }
        if (k > 0) {
          mix(first, Math.min(end, m), from, k);
        }
      }
    }
  }

  /// S of the `width` keys from `from` on.
  private void score(int m, int from, int width) {
    int panel = loops.panelKeys;
    for (int at = 0; at < width; at += panel) {
      // Rows see ever more keys; those that see none of these take no part.
      int first = 0;
      while (limits[first + GROUP - 1] <= from + at) {
        first += GROUP;
      }
      products.multiply(
          m - first,
          panel,
          headSize,
          queries.address() + (long) first * headSize * 2,
          headSize,
          keyPanels.address() + (long) (from + at) * headSize * 2,
          scores.address() + ((long) first * STEP + at) * 4,
          STEP,
          false);
    }
  }

  /// O += P V of rows `first` to `end` and the `k` keys from `from` on.
  private void mix(int first, int end, int from, int k) {
    int panel = loops.panelKeys;
    for (int d = 0; d < headSize; d += panel) {
      products.multiply(
          end - first,
          Math.min(panel, headSize - d),
          k,
          weights.address() + (long) first * STEP * 2,
          STEP,
          values.address() + ((long) from * headSize + (long) d * STEP) * 2,
          outputs.address() + ((long) first * headSize + d) * 4,
          headSize,
          from > 0);
    }
  }

  /// How many of the keys from `from` on a group of rows multiplies with.
  private int seen(int group, int from) {
    return roundUp(Math.clamp(limits[group + GROUP - 1] - from, 0, STEP));
  }

  /// Computes P of a tile's rows and the `k` keys from `from` on.
  private void weights(int row, int from, int k) {
    int count = Math.min(STEP, limits[row + TILE - 1] - from);
    long to = weights.address() + (long) row * STEP * 2;
    int pair = 2 * loops.lanes;
    int written = 0;
    long factor = factors.address() + row * 4L;
    if (count > 0) {
      long tile = scores.address() + (long) row * STEP * 4;
      int registers = Math.ceilDiv(count, loops.lanes);
      int open = Math.clamp(limits[row] - from, 0, count) / pair * 2;
      loops.fill(max.address(), (long) TILE * loops.lanes * 4, VectorLoops.LOWEST);
      loops.maskedMax(tile, open, registers, limits, row, from, max.address());
      loops.maxima(tile, open, scale, max.address());
      long shift = shifts.address() + row * 4L;
      loops.shift(max.address(), shift, factor);
      loops.bfloatWeights(
          tile,
          open,
          registers,
          limits,
          row,
          from,
          scale,
          shift,
          factor,
          sums.address() + (long) row * loops.lanes * 4,
          to);
      written = Math.ceilDiv(count, pair) * pair;
    } else {
      loops.fill(factor, TILE * 4L, 1);
    }
    for (int i = 0; i < TILE && written < k; i++) {
      loops.fill(to + ((long) i * STEP + written) * 2, (k - written) * 2L, 0);
    }
  }

  /// Rounds rows up to few different numbers, as a library may build a kernel for each.
  private static int tall(int rows) {
    return Math.ceilDiv(rows, 16) * 16;
  }

  /// Rounds the keys of one product P V up, for the same reason.
  private int roundUp(int keys) {
    int step = 2 * loops.panelKeys;
    return Math.ceilDiv(keys, step) * step;
  }
}
