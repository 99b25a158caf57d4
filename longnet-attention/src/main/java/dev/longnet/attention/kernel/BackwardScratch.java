// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;

/// The backward fold. Keys are packed [#KEYS] at a time with their gradients. One block of queries
/// after another rebuilds P and dS from the joint LSE and delta and adds to the gradients.
/// Subclasses say how a block multiplies.
abstract class BackwardScratch extends Scratch {
  static final int KEYS = 4 * VectorLoops.KEYS;

  /// dK of the packed keys, in rows of [#rowBytes].
  final MemorySegment gradKeys = allocate((long) KEYS * paddedSize);

  /// Their dV.
  final MemorySegment gradValues = allocate((long) KEYS * paddedSize);

  /// LSE of the block's rows.
  final MemorySegment shifts;

  final MemorySegment deltas;

  /// How many of the packed keys each row of the block sees.
  final int[] limits;

  final MemorySegment copy;
  final double[] scalars;
  private final int queries;
  private final float keyFactor;

  /// @param queries of a block
  /// @param scaled whether packed queries are scaled already, and dK = dS^T Q with them
  BackwardScratch(VectorLoops loops, int headSize, int queries, boolean scaled) {
    super(loops, headSize);
    this.queries = queries;
    this.keyFactor = scaled ? 1f : scale;
    this.shifts = allocate(queries);
    this.deltas = allocate(queries);
    this.limits = new int[queries];
    this.copy = allocate((long) queries * headSize);
    this.scalars = new double[queries];
  }

  @SuppressWarnings("NullAway") // wantQ and wantK say which gradients there are
  final void fold(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      boolean causal,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
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
      for (long block = firstQuery; block < q.count(); block += queries) {
        FoldChecks.stopIfInterrupted();
        int rows = (int) Math.min(queries, q.count() - block);
        limits(q.positions(), block, rows, positions, causal, limits);
        scalars(lse, delta, block, rows);
        packQueries(query, gradient, block, rows);
        multiply(rows, count, block == firstQuery, wantQ, wantK);
        if (wantQ) {
          putQueries(gradients.queries(), block, rows, gradients.overwrite() && from == 0);
        }
      }
      if (wantK) {
        put(
            gradients.keys(),
            from,
            count,
            gradKeys.address(),
            rowBytes,
            0,
            headSize,
            gradients.overwrite(),
            keyFactor);
        put(
            gradients.values(),
            from,
            count,
            gradValues.address(),
            rowBytes,
            0,
            headSize,
            gradients.overwrite(),
            1f);
      }
    }
  }

  abstract void packKeys(Source key, Source value, long from, int count, boolean wantQ);

  abstract void packQueries(Source query, Source gradient, long block, int rows);

  /// Adds to the gradients what the block's rows and the packed keys have to do with one another.
  ///
  /// @param fresh whether these are the keys' first queries
  abstract void multiply(int rows, int count, boolean fresh, boolean wantQ, boolean wantK);

  /// Puts dQ of the block's rows, times the scale.
  abstract void putQueries(HeadRows accumulator, long block, int rows, boolean overwrite);

  private void scalars(RowScalars lse, RowScalars delta, long block, int rows) {
    read(lse, block, rows, scalars);
    for (int i = 0; i < queries; i++) {
      // A row without keys has no weights: exp(s - a huge shift) = 0. Nor have the rows behind the
      // last.
      boolean none = i >= rows || scalars[i] == Double.NEGATIVE_INFINITY;
      setFloat(shifts, i, none ? -VectorLoops.LOWEST : (float) scalars[i]);
    }
    read(delta, block, rows, scalars);
    for (int i = 0; i < queries; i++) {
      setFloat(deltas, i, i < rows ? (float) scalars[i] : 0);
    }
  }

  /// Puts elements `d` to `d + size` of rows.
  final void put(
      HeadRows accumulator,
      long from,
      int count,
      long sums,
      long sumBytes,
      int d,
      int size,
      boolean overwrite,
      float factor) {
    Source target = new Source(accumulator, copy);
    for (int done = 0; done < count; done += queries) {
      int n = Math.min(queries, count - done);
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
