package dev.longnet.attention.kernel;

import dev.longnet.attention.ElementType;
import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;
import java.lang.foreign.MemorySegment;

/// The vector kernel, with bfloat16 rows folded in products of bfloat16 matrices. Q, K, V and dO must all be bfloat16 and D a multiple of
/// [BfloatProducts#HEAD_SIZE], so a multiple of every register's lanes; all else is the vector kernel's.
final class MatrixKernel implements AttentionKernel {
  private final VectorLoops loops;
  private final SimdKernel simd;
  private final BfloatProducts products;
  private final Pool<MatrixForward> forwards = new Pool<>();
  private final Pool<MatrixBackward> backwards = new Pool<>();

  MatrixKernel(VectorLoops loops, SimdKernel simd, BfloatProducts products) {
    this.loops = loops;
    this.simd = simd;
    this.products = products;
  }

  @Override
  public String description() {
    return simd.description() + ", bfloat16 by " + products.description();
  }

  @Override
  public void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    if (!fits(q, k, v) || q.count() == 0 || k.count() == 0) {
      simd.fold(q, k, v, causal, out, lse);
      return;
    }
    FoldChecks.forward(q, k, v, out, lse);
    MatrixForward scratch = forwards.take(q.headSize(), size -> new MatrixForward(loops, products, size));
    try {
      scratch.fold(q, k, v, causal, out, lse);
    } finally {
      products.release();
    }
    forwards.give(scratch);
  }

  @Override
  public void foldBackward(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows gradOut, RowScalars lse, RowScalars delta,
      FoldGradients gradients) {
    if (!fits(q, k, v, gradOut) || q.count() == 0 || k.count() == 0) {
      simd.foldBackward(q, k, v, causal, gradOut, lse, delta, gradients);
      return;
    }
    FoldChecks.backward(q, k, v, gradOut, lse, delta, gradients);
    if (gradients.overwrite()) {
      simd.clearUnseen(q, k, causal, gradients);
    }
    MatrixBackward scratch = backwards.take(q.headSize(), size -> new MatrixBackward(loops, products, size));
    try {
      scratch.fold(q, k, v, causal, gradOut, lse, delta, gradients);
    } finally {
      products.release();
    }
    backwards.give(scratch);
  }

  private static boolean fits(HeadRows... rows) {
    for (HeadRows some : rows) {
      if (!fits(some.type(), some.headSize())) {
        return false;
      }
    }
    return true;
  }

  private static boolean fits(ElementType type, int headSize) {
    return type == ElementType.BFLOAT16 && headSize % BfloatProducts.HEAD_SIZE == 0;
  }

  /// A library may generate its products anew in every thread: some milliseconds.
  @Override
  public double worthAThread(ElementType type, int headSize) {
    return fits(type, headSize) ? 1e9 : simd.worthAThread(type, headSize);
  }

  @Override
  public void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    simd.delta(gradOut, out, delta);
  }

  @Override
  public void copy(HeadRows from, HeadRows to) {
    simd.copy(from, to);
  }

  @Override
  public boolean round(RowScalars norms, RowScalars lse) {
    return simd.round(norms, lse);
  }

  @Override
  public void clear(HeadRows rows) {
    simd.clear(rows);
  }

  @Override
  public void read(MemorySegment data, long offset, long bytes) {
    simd.read(data, offset, bytes);
  }
}
