// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;

/// The backward fold in vector loops. It adds to dQ by rows of P and dS and to dK and dV by their
/// columns, so P and dS are never transposed.
final class SimdBackward extends BackwardScratch {
  static final int QUERIES = 96;
  private static final int TILE = VectorLoops.TILE_ROWS;
  private static final int SCORE_BYTES = VectorLoops.KEYS * 4;

  private final MemorySegment keyRows = allocate((long) KEYS * paddedSize);
  private final MemorySegment keyPanels = allocate((long) KEYS * paddedSize);
  private final MemorySegment valuePanels = allocate((long) KEYS * paddedSize);
  private final MemorySegment valueRows = allocate((long) loops.panelKeys * paddedSize);
  private final MemorySegment queries = allocate((long) QUERIES * paddedSize);
  private final MemorySegment gradOuts = allocate((long) QUERIES * paddedSize);
  private final MemorySegment gradQueries = allocate((long) QUERIES * paddedSize);
  private final MemorySegment weights = allocate((long) QUERIES * VectorLoops.KEYS);
  private final MemorySegment gradScores = allocate((long) QUERIES * VectorLoops.KEYS);
  private final MemorySegment tile = allocate((long) TILE * paddedSize);
  private final MemorySegment sums = allocate((long) QUERIES * loops.lanes);

  SimdBackward(VectorLoops loops, int headSize) {
    super(loops, headSize, QUERIES, true);
  }

  /// delta = sum_d dO O.
  void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    Source gradient = new Source(gradOut, copy);
    Source output = new Source(out, copy);
    for (long from = 0; from < out.count(); from += QUERIES) {
      int rows = (int) Math.min(QUERIES, out.count() - from);
      long a = gradient.floats(from, rows, gradOuts.address());
      long b = output.floats(from, rows, queries.address());
      loops.dots(
          a, gradient.floatStride(), b, output.floatStride(), rows, headSize, sums.address());
      loops.totals(sums.address(), rows, deltas.address(), shifts.address());
      for (int i = 0; i < rows; i++) {
        scalars[i] = getFloat(deltas, i);
      }
      write(scalars, delta, from, rows);
    }
  }

  @Override
  void packKeys(Source key, Source value, long from, int count, boolean wantQ) {
    int panel = loops.panelKeys;
    for (int at = 0; at < count; at += panel) {
      int n = Math.min(panel, count - at);
      long rows = keyRows.address() + (long) at * rowBytes;
      key.pack(from + at, n, 1f, rows);
      loops.transpose(rows, rowBytes, n, headSize, keyPanels.address() + at / panel * panelBytes());
      transpose(
          value,
          from + at,
          n,
          valueRows.address(),
          valuePanels.address() + at / panel * panelBytes());
    }
  }

  @Override
  void packQueries(Source query, Source gradient, long block, int rows) {
    query.pack(block, rows, scale, queries.address());
    gradient.pack(block, rows, 1f, gradOuts.address());
    // The rest of the last tile takes part, with weights of 0: it must not hold what an earlier
    // call left, which may be NaN.
    long rest = (long) (Math.ceilDiv(rows, TILE) * TILE - rows) * rowBytes;
    loops.fill(queries.address() + (long) rows * rowBytes, rest, 0);
    loops.fill(gradOuts.address() + (long) rows * rowBytes, rest, 0);
  }

  @Override
  void multiply(int rows, int count, boolean fresh, boolean wantQ, boolean wantK) {
    int seen = 0;
    for (int at = 0; at < limits[rows - 1]; at += VectorLoops.KEYS) {
      weights(rows, at, wantQ);
      if (wantK) {
        seen = columns(rows, at, Math.min(VectorLoops.KEYS, count - at), fresh);
      }
    }
    if (wantK && fresh) {
      long rest = (long) (count - seen) * rowBytes;
      loops.fill(gradKeys.address() + (long) seen * rowBytes, rest, 0);
      loops.fill(gradValues.address() + (long) seen * rowBytes, rest, 0);
    }
  }

  @Override
  void putQueries(HeadRows accumulator, long block, int rows, boolean overwrite) {
    put(accumulator, block, rows, gradQueries.address(), rowBytes, 0, headSize, overwrite, scale);
  }

  /// Computes P and dS of all rows and the keys from `at`; dQ += dS K.
  private void weights(int rows, int at, boolean wantQ) {
    for (int row = 0; row < rows; row += TILE) {
      int count = Math.min(VectorLoops.KEYS, limits[row + TILE - 1] - at);
      if (count <= 0) {
        continue;
      }
      int registers = Math.ceilDiv(count, loops.lanes);
      long p = weights.address() + (long) row * SCORE_BYTES;
      long ds = gradScores.address() + (long) row * SCORE_BYTES;
      long panel = (long) at * rowBytes;
      loops.products(
          queries.address() + (long) row * rowBytes,
          rowBytes,
          keyPanels.address() + panel,
          panelBytes(),
          p,
          registers,
          headSize);
      loops.products(
          gradOuts.address() + (long) row * rowBytes,
          rowBytes,
          valuePanels.address() + panel,
          panelBytes(),
          ds,
          registers,
          headSize);
      int clear =
          Math.clamp(limits[row] - at, 0, count) / loops.panelKeys * loops.panelKeys / loops.lanes;
      long shift = shifts.address() + row * 4L;
      long delta = deltas.address() + row * 4L;
      if (clear > 0) {
        loops.gradients(p, ds, clear, shift, delta);
      }
      if (clear < registers) {
        loops.maskedGradients(p, ds, clear, registers, limits, row, at, shift, delta);
      }
      int half = loops.panelKeys / 2;
      clearAfter(Math.ceilDiv(count, half) * half, p, ds);
      if (wantQ) {
        long sum = gradQueries.address() + (long) row * rowBytes;
        loops.mix(
            ds,
            keyRows.address() + panel,
            rowBytes,
            at == 0 ? sum : tile.address(),
            count,
            paddedSize);
        if (at > 0) {
          loops.add(tile.address(), sum, (long) TILE * rowBytes);
        }
      }
    }
  }

  /// Clears the columns behind the `written` ones, because [#columns] reads whole tiles: up to five
  /// more.
  private void clearAfter(int written, long p, long ds) {
    int end = Math.min(VectorLoops.KEYS, written + Math.ceilDiv(TILE, loops.lanes) * loops.lanes);
    if (written >= end) {
      return;
    }
    long bytes = (end - written) * 4L;
    for (int i = 0; i < TILE; i++) {
      loops.fill(p + (long) i * SCORE_BYTES + written * 4L, bytes, 0);
      loops.fill(ds + (long) i * SCORE_BYTES + written * 4L, bytes, 0);
    }
  }

  /// dV += P^T dO and dK += dS^T Q for the `keys` keys from `at`.
  ///
  /// @param fresh whether these are the keys' first queries: then dV = P^T dO and dK = dS^T Q
  /// @return the key from which on no row sees any, whose gradients are left as they were
  private int columns(int rows, int at, int keys, boolean fresh) {
    int padded = Math.ceilDiv(rows, TILE) * TILE;
    int first = 0;
    for (int key = 0; key < keys; key += TILE) {
      // Rows see ever more keys; those that see none of these six take no part.
      while (first < padded && limits[first + TILE - 1] - at <= key) {
        first += TILE;
      }
      if (first == padded) {
        return at + key;
      }
      long offset = (long) first * SCORE_BYTES + key * 4L;
      long target = (long) (at + key) * rowBytes;
      long row = (long) first * rowBytes;
      mixColumns(
          weights.address() + offset,
          gradOuts.address() + row,
          gradValues.address() + target,
          padded - first,
          fresh);
      mixColumns(
          gradScores.address() + offset,
          queries.address() + row,
          gradKeys.address() + target,
          padded - first,
          fresh);
    }
    return at + keys;
  }

  private void mixColumns(long weights, long rows, long sum, int count, boolean fresh) {
    loops.mixColumns(weights, rows, rowBytes, fresh ? sum : tile.address(), count, paddedSize);
    if (!fresh) {
      loops.add(tile.address(), sum, (long) TILE * rowBytes);
    }
  }
}
