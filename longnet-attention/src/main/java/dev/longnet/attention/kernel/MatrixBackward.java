package dev.longnet.attention.kernel;

import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;
import dev.longnet.attention.Rows;
import java.lang.foreign.MemorySegment;

/// The backward fold of bfloat16 rows in products of bfloat16 matrices. Scores are transposed, S^T = K Q^T and dP^T = V dO^T, so that P^T
/// and dS^T come out as the left-hand matrices of dV += P^T dO and dK += dS^T Q; dS^T is written a second time, as the right-hand matrix
/// of dQ^T += K^T dS^T. P and dS are rounded to bfloat16; scores, sums and gradients are float32.
final class MatrixBackward extends Scratch {
  private static final int KEYS = 4 * VectorLoops.KEYS;

  private final BfloatProducts products;
  private final Operands operands = new Operands(this);
  private final int panel = loops.panelKeys;
  /// Queries, and keys, of one product: two panels.
  private final int step = 2 * panel;
  private final int pair = 2 * loops.lanes;
  private final MemorySegment keyRows = bfloats((long) KEYS * headSize);
  private final MemorySegment valueRows = bfloats((long) KEYS * headSize);
  private final MemorySegment keyPairs = bfloats((long) step * headSize);
  private final MemorySegment keyColumns = bfloats((long) KEYS * headSize);
  private final MemorySegment gradKeys = allocate((long) KEYS * headSize);
  private final MemorySegment gradValues = allocate((long) KEYS * headSize);
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
  private final MemorySegment shifts = allocate(step);
  private final MemorySegment deltas = allocate(step);
  private final MemorySegment limits = allocate(step);
  private final MemorySegment copy = allocate((long) step * headSize);
  private final double[] scalars = new double[step];
  private final int[] seen = new int[step];

  MatrixBackward(VectorLoops loops, BfloatProducts products, int headSize) {
    super(loops, headSize);
    this.products = products;
  }

  private MemorySegment bfloats(long count) {
    return allocate(count / 2);
  }

  void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows gradOut, RowScalars lse, RowScalars delta,
      FoldGradients gradients) {
    Source query = new Source(q, copy);
    Source key = new Source(k, copy);
    Source value = new Source(v, copy);
    Source gradient = new Source(gradOut, copy);
    boolean wantQ = gradients.queries() != null;
    boolean wantK = gradients.keys() != null;
    for (long from = 0; from < k.count(); from += KEYS) {
      int count = (int) Math.min(KEYS, k.count() - from);
      Rows positions = k.positions().slice(from, from + count);
      long firstQuery = causal ? q.positions().countBefore(positions.first()) : 0;
      if (firstQuery == q.count()) {
        return;
      }
      packKeys(key, value, from, count, wantQ);
      for (long block = firstQuery; block < q.count(); block += step) {
        FoldChecks.stopIfInterrupted();
        int rows = (int) Math.min(step, q.count() - block);
        limits(q.positions(), block, rows, positions, causal, seen);
        packQueries(query, gradient, lse, delta, block, rows);
        if (wantQ) {
          loops.fill(gradColumns.address(), (long) step * headSize * 4, 0);
        }
        for (int at = 0; at < seen[rows - 1]; at += step) {
          multiply(rows, at, Math.min(step, seen[rows - 1] - at), wantQ, wantK);
        }
        if (wantQ) {
          putQueries(gradients, block, rows, gradients.overwrite() && from == 0);
        }
      }
      if (wantK) {
        put(gradients.keys(), from, count, gradKeys.address(), rowBytes, 0, headSize, gradients.overwrite(), scale);
        put(gradients.values(), from, count, gradValues.address(), rowBytes, 0, headSize, gradients.overwrite(), 1f);
      }
    }
  }

  private void packKeys(Source key, Source value, long from, int count, boolean wantQ) {
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
      loops.pairs(rows, rows + bytes, 2 * bytes, pairs, headSize / 2, keyPairs.address(), 2 * bytes);
      loops.transpose(keyPairs.address(), 2 * bytes, pairs, headSize, keyColumns.address() + at * bytes);
    }
  }

  /// Rows of bfloat16, with zeros behind them.
  private void copy(Source rows, long from, int count, int padded, MemorySegment to) {
    rows.copy(from, count, to.address());
    to.asSlice(count * headSize * 2L, (padded - count) * headSize * 2L).fill((byte) 0);
  }

  private void packQueries(Source query, Source gradient, RowScalars lse, RowScalars delta, long block, int rows) {
    packQueries(query, block, rows, queryPanels, queryPairs);
    packQueries(gradient, block, rows, gradPanels, gradPairs);
    read(lse, block, rows, scalars);
    for (int i = 0; i < step; i++) {
      // A row without keys has no weights: exp(s - a huge shift) = 0. Nor have the rows behind the last.
      boolean none = i >= rows || scalars[i] == Double.NEGATIVE_INFINITY;
      setFloat(shifts, i, none ? -VectorLoops.LOWEST : (float) scalars[i]);
      setFloat(limits, i, none ? 0 : seen[i]);
    }
    read(delta, block, rows, scalars);
    for (int i = 0; i < step; i++) {
      setFloat(deltas, i, i < rows ? (float) scalars[i] : 0);
    }
  }

  private void packQueries(Source source, long block, int rows, MemorySegment panels, MemorySegment pairs) {
    int padded = Math.ceilDiv(rows, panel) * panel;
    copy(source, block, rows, padded, queryRows);
    for (int at = 0; at < padded; at += panel) {
      long bytes = at * headSize * 2L;
      loops.transpose(queryRows.address() + bytes, headSize * 2L, panel, headSize / 2, panels.address() + bytes);
    }
    operands.pairs(queryRows.address(), padded, padded, step, pairs.address());
  }

  /// What `keys` keys from `at` on have to do with the block's queries.
  private void multiply(int rows, int at, int keys, boolean wantQ, boolean wantK) {
    int m = Math.ceilDiv(keys, panel) * panel;
    int end = Math.ceilDiv(rows, panel) * panel;
    // Queries see ever more keys: the first panel of them that sees any of these.
    int start = 0;
    while (seen[Math.min(rows, start + panel) - 1] <= at) {
      start += panel;
    }
    long keysAt = at * headSize * 2L;
    for (int q = start; q < end; q += panel) {
      long queries = q * headSize * 2L;
      products.multiply(m, panel, headSize, keyRows.address() + keysAt, headSize, queryPanels.address() + queries,
          scores.address() + q * 4L, step, false);
      products.multiply(m, panel, headSize, valueRows.address() + keysAt, headSize, gradPanels.address() + queries,
          gradWeights.address() + q * 4L, step, false);
    }
    for (int q = start; q < end; q += pair) {
      long floats = q * 4L;
      long left = q * 2L;
      long right = (long) (q / panel) * panel * step * 2 + q % panel * 4L;
      loops.bfloatGradients(scores.address() + floats, gradWeights.address() + floats, m / 2, at, limits.address() + floats,
          shifts.address() + floats, deltas.address() + floats, scale, weights.address() + left, gradScores.address() + left,
          gradScorePairs.address() + right);
    }
    for (int q = start; q < end && wantQ; q += panel) {
      products.multiply(headSize, panel, m, keyColumns.address() + keysAt, step, gradScorePairs.address() + (long) q * step * 2,
          gradColumns.address() + (long) q * headSize * 4, panel, true);
    }
    for (int d = 0; d < headSize && wantK; d += panel) {
      int n = Math.min(panel, headSize - d);
      long operand = ((long) d * step + (long) start * n) * 2;
      long sum = (long) at * rowBytes + d * 4L;
      products.multiply(m, n, end - start, weights.address() + start * 2L, step, gradPairs.address() + operand,
          gradValues.address() + sum, headSize, true);
      products.multiply(m, n, end - start, gradScores.address() + start * 2L, step, queryPairs.address() + operand,
          gradKeys.address() + sum, headSize, true);
    }
  }

  private void putQueries(FoldGradients gradients, long block, int rows, boolean overwrite) {
    for (int q = 0; q < rows; q += panel) {
      int n = Math.min(panel, rows - q);
      for (int d = 0; d < headSize; d += panel) {
        int size = Math.min(panel, headSize - d);
        long columns = gradColumns.address() + ((long) q * headSize + (long) d * panel) * 4;
        loops.transpose(columns, panel * 4L, size, panel, gradRows.address());
        put(gradients.queries(), block + q, n, gradRows.address(), panel * 4L, d, size, overwrite, scale);
      }
    }
  }

  /// Elements `d` to `d + size` of rows.
  private void put(HeadRows accumulator, long from, int count, long sums, long sumBytes, int d, int size, boolean overwrite, float factor) {
    Source target = new Source(accumulator, copy);
    for (int done = 0; done < count; done += step) {
      int n = Math.min(step, count - done);
      long to = target.address(from + done, n) + d * 4L;
      long source = sums + done * sumBytes;
      if (overwrite) {
        loops.scale(source, sumBytes, to, target.stride(), n, size, factor);
      } else {
        loops.addScaled(source, sumBytes, to, target.stride(), n, size, factor);
      }
      target.writeBack(from + done, n);
    }
  }
}
