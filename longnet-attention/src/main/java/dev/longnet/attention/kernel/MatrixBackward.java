// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;

/// The backward fold of bfloat16 rows in products of bfloat16 matrices. P and dS are rounded to
/// bfloat16; scores, sums and gradients are float32.
///
/// Scores are transposed: S^T = K Q^T and dP^T = V dO^T. So P^T and dS^T come out as the left-hand
/// matrices of dV += P^T dO and dK += dS^T Q. dS^T is written a second time, as the right-hand
/// matrix of dQ^T += K^T dS^T.
@SuppressWarnings("NarrowCalculation") // bytes of one fold's working memory: far below 2^31
final class MatrixBackward extends BackwardScratch {
  private final BfloatProducts products;
  private final Operands operands = new Operands(this);
  private final int panel = loops.panelKeys;

  /// How many queries, and how many keys, one product takes: two panels.
  private final int step = 2 * panel;

  private final int pair = 2 * loops.lanes;
  private final MemorySegment keyRows = bfloats((long) KEYS * headSize);
  private final MemorySegment valueRows = bfloats((long) KEYS * headSize);
  private final MemorySegment keyPairs = bfloats((long) step * headSize);
  private final MemorySegment keyColumns = bfloats((long) KEYS * headSize);
  private final MemorySegment queryRows = bfloats((long) step * headSize);
  private final MemorySegment queryPanels = bfloats((long) step * headSize);
  private final MemorySegment queryPairs = bfloats((long) step * headSize);
  private final MemorySegment gradPanels = bfloats((long) step * headSize);
  private final MemorySegment gradPairs = bfloats((long) step * headSize);
  private final MemorySegment scores = allocate((long) step * step);
  private final MemorySegment gradWeights = allocate((long) step * step);
  private final MemorySegment weights = bfloats((long) step * step);
  private final MemorySegment gradScores = bfloats((long) step * step);
  private final MemorySegment gradScorePairs = bfloats((long) step * step);
  private final MemorySegment gradColumns = allocate((long) step * headSize);
  private final MemorySegment gradRows = allocate((long) panel * panel);
  private final MemorySegment seen = allocate(step);

  MatrixBackward(VectorLoops loops, BfloatProducts products, int headSize) {
    super(loops, headSize, 2 * loops.panelKeys, false);
    this.products = products;
  }

  private MemorySegment bfloats(long count) {
    return allocate(count / 2);
  }

  @Override
  void packKeys(Source key, Source value, long from, int count, boolean wantQ) {
    int padded = Math.ceilDiv(count, panel) * panel;
    copy(key, from, count, padded, keyRows);
    copy(value, from, count, padded, valueRows);
    loops.fill(gradKeys.address(), (long) padded * rowBytes, 0);
    loops.fill(gradValues.address(), (long) padded * rowBytes, 0);
    for (int at = 0; at < padded && wantQ; at += step) {
      // Neighbouring keys in turns, then 32 bits of two keys at a time: [D, keys].
      long bytes = headSize * 2L;
      long rows = keyRows.address() + at * bytes;
      int pairs = Math.min(step, padded - at) / 2;
      loops.pairs(
          rows, rows + bytes, 2 * bytes, pairs, headSize / 2, keyPairs.address(), 2 * bytes);
      loops.transpose(
          keyPairs.address(), 2 * bytes, pairs, headSize, keyColumns.address() + at * bytes);
    }
  }

  /// Copies rows of bfloat16 and puts zeros behind them.
  private void copy(Source rows, long from, int count, int padded, MemorySegment to) {
    rows.copy(from, count, to.address());
    to.asSlice(count * headSize * 2L, (padded - count) * headSize * 2L).fill((byte) 0);
  }

  @Override
  void packQueries(Source query, Source gradient, long block, int rows) {
    pack(query, block, rows, queryPanels, queryPairs);
    pack(gradient, block, rows, gradPanels, gradPairs);
    for (int i = 0; i < step; i++) {
      setFloat(seen, i, i < rows ? limits[i] : 0);
    }
  }

  private void pack(
      Source source, long block, int rows, MemorySegment panels, MemorySegment pairs) {
    int padded = Math.ceilDiv(rows, panel) * panel;
    copy(source, block, rows, padded, queryRows);
    for (int at = 0; at < padded; at += panel) {
      long bytes = at * headSize * 2L;
      loops.transpose(
          queryRows.address() + bytes,
          headSize * 2L,
          panel,
          headSize / 2,
          panels.address() + bytes);
    }
    operands.pairs(queryRows.address(), padded, padded, step, pairs.address());
  }

  @Override
  void multiply(int rows, int count, boolean fresh, boolean wantQ, boolean wantK) {
    if (wantQ) {
      loops.fill(gradColumns.address(), (long) step * headSize * 4, 0);
    }
    for (int at = 0; at < limits[rows - 1]; at += step) {
      multiply(rows, at, Math.min(step, limits[rows - 1] - at), wantQ, wantK);
    }
  }

  /// Multiplies the block's queries with `keys` keys from `at` on.
  private void multiply(int rows, int at, int keys, boolean wantQ, boolean wantK) {
    int m = Math.ceilDiv(keys, panel) * panel;
    int end = Math.ceilDiv(rows, panel) * panel;
    // Queries see ever more keys: the first panel of them that sees any of these.
    int start = 0;
    while (limits[Math.min(rows, start + panel) - 1] <= at) {
      start += panel;
    }
    long keysAt = at * headSize * 2L;
    for (int q = start; q < end; q += panel) {
      long queries = q * headSize * 2L;
      products.multiply(
          m,
          panel,
          headSize,
          keyRows.address() + keysAt,
          headSize,
          queryPanels.address() + queries,
          scores.address() + q * 4L,
          step,
          false);
      products.multiply(
          m,
          panel,
          headSize,
          valueRows.address() + keysAt,
          headSize,
          gradPanels.address() + queries,
          gradWeights.address() + q * 4L,
          step,
          false);
    }
    for (int q = start; q < end; q += pair) {
      long floats = q * 4L;
      long left = q * 2L;
      long right = (long) (q / panel) * panel * step * 2 + q % panel * 4L;
      loops.bfloatGradients(
          scores.address() + floats,
          gradWeights.address() + floats,
          m / 2,
          at,
          seen.address() + floats,
          shifts.address() + floats,
          deltas.address() + floats,
          scale,
          weights.address() + left,
          gradScores.address() + left,
          gradScorePairs.address() + right);
    }
    for (int q = start; q < end && wantQ; q += panel) {
      products.multiply(
          headSize,
          panel,
          m,
          keyColumns.address() + keysAt,
          step,
          gradScorePairs.address() + (long) q * step * 2,
          gradColumns.address() + (long) q * headSize * 4,
          panel,
          true);
    }
    for (int d = 0; d < headSize && wantK; d += panel) {
      int n = Math.min(panel, headSize - d);
      long operand = ((long) d * step + (long) start * n) * 2;
      long sum = (long) at * rowBytes + d * 4L;
      products.multiply(
          m,
          n,
          end - start,
          weights.address() + start * 2L,
          step,
          gradPairs.address() + operand,
          gradValues.address() + sum,
          headSize,
          true);
      products.multiply(
          m,
          n,
          end - start,
          gradScores.address() + start * 2L,
          step,
          queryPairs.address() + operand,
          gradKeys.address() + sum,
          headSize,
          true);
    }
  }

  @Override
  void putQueries(HeadRows accumulator, long block, int rows, boolean overwrite) {
    for (int q = 0; q < rows; q += panel) {
      int n = Math.min(panel, rows - q);
      for (int d = 0; d < headSize; d += panel) {
        int size = Math.min(panel, headSize - d);
        long columns = gradColumns.address() + ((long) q * headSize + (long) d * panel) * 4;
        loops.transpose(columns, panel * 4L, size, panel, gradRows.address());
        put(accumulator, block + q, n, gradRows.address(), panel * 4L, d, size, overwrite, scale);
      }
    }
  }
}
