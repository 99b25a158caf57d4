// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// The Vector API kernel for one register width. It keeps the working memory of past folds for the
/// next ones.
///
/// Where it has products of bfloat16 matrices, it folds through them if Q, K, V and dO are all
/// bfloat16 and D is a multiple of [BfloatProducts#HEAD_SIZE], which is a multiple of every
/// register's lanes.
final class SimdKernel implements AttentionKernel {
  private static final long CACHE_LINE = 64;

  private final VectorLoops loops;
  private final BfloatProducts products;

  /// For folds that products do not serve: without any.
  private final SimdKernel alone;

  private final ScratchPool<ForwardScratch> forwards = new ScratchPool<>();
  private final ScratchPool<SimdBackward> backwards = new ScratchPool<>();
  private final ScratchPool<ForwardScratch> matrixForwards = new ScratchPool<>();
  private final ScratchPool<BackwardScratch> matrixBackwards = new ScratchPool<>();

  /// @param products null for vector loops alone
  @SuppressWarnings("NullAway") // whoever multiplies by the field has asked inMatrices
  SimdKernel(VectorLoops loops, @Nullable BfloatProducts products) {
    this.loops = loops;
    this.products = products;
    this.alone = products == null || products.leastKeys() == 0 ? this : new SimdKernel(loops, null);
  }

  @Override
  public String description() {
    return "simd "
        + loops.lanes * 32
        + "-bit"
        + (products == null ? "" : ", bfloat16 by " + products.description())
        + (alone == this ? "" : " from " + products.leastKeys() + " keys on");
  }

  @Override
  public void fold(
      HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    FoldChecks.forward(q, k, v, out, lse);
    if (q.count() == 0 || k.count() == 0) {
      return;
    }
    if (q.type() == ElementType.FLOAT64) {
      Float64Folds.fold(q, k, v, causal, out, lse);
      return;
    }
    if (!inMatrices(q, k, v)) {
      ForwardScratch scratch = forwards.take(q.headSize(), size -> new SimdForward(loops, size));
      scratch.fold(q, k, v, causal, out, lse);
      forwards.give(scratch);
      return;
    }
    ForwardScratch scratch =
        matrixForwards.take(q.headSize(), size -> new MatrixForward(loops, products, size));
    try {
      scratch.fold(q, k, v, causal, out, lse);
    } finally {
      products.release();
    }
    matrixForwards.give(scratch);
  }

  @Override
  public void foldBackward(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      boolean causal,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
      FoldGradients gradients) {
    FoldChecks.backward(q, k, v, gradOut, lse, delta, gradients);
    if (gradients.overwrite()) {
      clearUnseen(q, k, causal, gradients);
    }
    if (q.count() == 0 || k.count() == 0) {
      return;
    }
    if (q.type() == ElementType.FLOAT64) {
      if (gradients.overwrite()) {
        gradients.rows().forEach(this::clear);
      }
      Float64Folds.foldBackward(q, k, v, causal, gradOut, lse, delta, gradients);
      return;
    }
    if (!inMatrices(q, k, v, gradOut)) {
      SimdBackward scratch = backwards.take(q.headSize(), size -> new SimdBackward(loops, size));
      scratch.fold(q, k, v, causal, gradOut, lse, delta, gradients);
      backwards.give(scratch);
      return;
    }
    BackwardScratch scratch =
        matrixBackwards.take(q.headSize(), size -> new MatrixBackward(loops, products, size));
    try {
      scratch.fold(q, k, v, causal, gradOut, lse, delta, gradients);
    } finally {
      products.release();
    }
    matrixBackwards.give(scratch);
  }

  @Override
  public AttentionKernel forKeys(long keys) {
    return alone == this || keys >= products.leastKeys() ? this : alone;
  }

  private boolean inMatrices(HeadRows... rows) {
    for (HeadRows some : rows) {
      if (!inMatrices(some.type(), some.headSize())) {
        return false;
      }
    }
    return true;
  }

  private boolean inMatrices(ElementType type, int headSize) {
    return products != null
        && type == ElementType.BFLOAT16
        && headSize % BfloatProducts.HEAD_SIZE == 0;
  }

  /// A library may generate its products anew in every thread: some milliseconds.
  @Override
  public double worthAThread(ElementType type, int headSize) {
    return inMatrices(type, headSize) ? 1e9 : AttentionKernel.super.worthAThread(type, headSize);
  }

  /// Clears the gradients that no pair of a query and a key has a part in.
  @SuppressWarnings("NullAway") // values come with keys
  private void clearUnseen(HeadRows q, HeadRows k, boolean causal, FoldGradients gradients) {
    boolean empty = q.count() == 0 || k.count() == 0;
    if (gradients.queries() != null) {
      long blind =
          empty ? q.count() : causal ? q.positions().countBefore(k.positions().first()) : 0;
      clear(gradients.queries().slice(0, blind));
    }
    if (gradients.keys() != null) {
      long seen = empty ? 0 : causal ? k.positions().countUpTo(q.positions().last()) : k.count();
      clear(gradients.keys().slice(seen, k.count()));
      clear(gradients.values().slice(seen, k.count()));
    }
  }

  @Override
  public void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    if (gradOut.type() == ElementType.FLOAT64 || out.type() == ElementType.FLOAT64) {
      AttentionKernel.super.delta(gradOut, out, delta);
      return;
    }
    FoldChecks.delta(gradOut, out, delta);
    SimdBackward scratch = backwards.take(out.headSize(), size -> new SimdBackward(loops, size));
    scratch.delta(gradOut, out, delta);
    backwards.give(scratch);
  }

  @Override
  public void copy(HeadRows from, HeadRows to) {
    if (!Scratch.floatsOffHeap(from)
        || !to.data().isNative()
        || to.type() != ElementType.BFLOAT16) {
      AttentionKernel.super.copy(from, to);
      return;
    }
    FoldChecks.copy(from, to);
    for (long i = 0; i < from.count(); i++) {
      loops.roundToBfloats(address(from, i), from.headSize(), address(to, i));
    }
  }

  @Override
  public boolean round(RowScalars norms, RowScalars lse) {
    if (!norms.data().isNative() || !norms.float64() || !lse.data().isNative() || lse.float64()) {
      return AttentionKernel.super.round(norms, lse);
    }
    FoldChecks.round(norms, lse);
    long from = norms.data().address() + norms.byteOffset(0);
    long to = lse.data().address() + lse.byteOffset(0);
    boolean all = true;
    for (long i = 0; i < norms.count(); i++) {
      double norm = OffHeap.ALL.get(OffHeap.DOUBLE, from + i * 8 * norms.stride());
      OffHeap.ALL.set(OffHeap.FLOAT, to + i * 4 * lse.stride(), (float) norm);
      all &= norm != Double.NEGATIVE_INFINITY;
    }
    return all;
  }

  @Override
  public void clear(HeadRows rows) {
    if (!Scratch.floatsOffHeap(rows) || rows.headSize() % loops.lanes != 0) {
      AttentionKernel.super.clear(rows);
      return;
    }
    FoldChecks.clear(rows);
    for (long i = 0; i < rows.count(); i++) {
      loops.fill(address(rows, i), 4L * rows.headSize(), 0);
    }
  }

  @Override
  public void read(MemorySegment data, long offset, long bytes) {
    if (!data.isNative()) {
      return;
    }
    Objects.checkFromIndexSize(offset, bytes, data.byteSize());
    long at = data.address() + offset;
    long end = at + bytes;
    // Four sums: reads that wait for one another's come no faster than one by one.
    int s0 = 0;
    int s1 = 0;
    int s2 = 0;
    int s3 = 0;
    for (; at + 3 * CACHE_LINE < end; at += 4 * CACHE_LINE) {
      s0 += OffHeap.ALL.get(ValueLayout.JAVA_BYTE, at);
      s1 += OffHeap.ALL.get(ValueLayout.JAVA_BYTE, at + CACHE_LINE);
      s2 += OffHeap.ALL.get(ValueLayout.JAVA_BYTE, at + 2 * CACHE_LINE);
      s3 += OffHeap.ALL.get(ValueLayout.JAVA_BYTE, at + 3 * CACHE_LINE);
    }
    for (; at < end; at += CACHE_LINE) {
      s0 += OffHeap.ALL.get(ValueLayout.JAVA_BYTE, at);
    }
    if (s0 + s1 + s2 + s3 == Integer.MIN_VALUE) {
      // Hardly ever: a sum that nobody asks for would let the compiler drop the reads.
      Thread.onSpinWait();
    }
  }

  private static long address(HeadRows rows, long index) {
    return rows.data().address() + rows.byteOffset(index);
  }
}
