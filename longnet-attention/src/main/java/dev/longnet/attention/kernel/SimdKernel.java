package dev.longnet.attention.kernel;

import dev.longnet.attention.ElementType;
import dev.longnet.attention.HeadRows;
import dev.longnet.attention.RowScalars;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;
import java.util.concurrent.ConcurrentLinkedDeque;
import java.util.function.Function;

/// The Vector API kernel for one register width. Keeps the working memory of past folds for the next ones.
final class SimdKernel implements AttentionKernel {
  private static final int CACHE_LINE = 64;

  private final VectorLoops loops;
  private final ConcurrentLinkedDeque<SimdForward> forwards = new ConcurrentLinkedDeque<>();
  private final ConcurrentLinkedDeque<SimdBackward> backwards = new ConcurrentLinkedDeque<>();

  SimdKernel(VectorLoops loops) {
    this.loops = loops;
  }

  @Override
  public String description() {
    return "simd " + loops.lanes * 32 + "-bit";
  }

  @Override
  public void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse) {
    FoldChecks.forward(q, k, v, out, lse);
    if (q.count() == 0 || k.count() == 0) {
      return;
    }
    SimdForward scratch = take(forwards, q.headSize(), size -> new SimdForward(loops, size));
    scratch.fold(q, k, v, causal, out, lse);
    give(forwards, scratch);
  }

  @Override
  public void foldBackward(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows gradOut, RowScalars lse,
      RowScalars delta, FoldGradients gradients) {
    FoldChecks.backward(q, k, v, gradOut, lse, delta, gradients);
    if (q.count() == 0 || k.count() == 0) {
      return;
    }
    SimdBackward scratch = take(backwards, q.headSize(), size -> new SimdBackward(loops, size));
    scratch.fold(q, k, v, causal, gradOut, lse, delta, gradients);
    give(backwards, scratch);
  }

  @Override
  public void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    FoldChecks.delta(gradOut, out, delta);
    if (floatsOffHeap(gradOut) && floatsOffHeap(out)) {
      for (long i = 0; i < out.count(); i++) {
        Scratch.set(delta, i, loops.dot(address(gradOut, i), address(out, i), out.headSize()));
      }
      return;
    }
    SimdBackward scratch = take(backwards, out.headSize(), size -> new SimdBackward(loops, size));
    scratch.delta(gradOut, out, delta);
    give(backwards, scratch);
  }

  @Override
  public void copy(HeadRows from, HeadRows to) {
    if (!floatsOffHeap(from) || !to.data().isNative() || to.type() != ElementType.BFLOAT16) {
      AttentionKernel.super.copy(from, to);
      return;
    }
    FoldChecks.copy(from, to);
    for (long i = 0; i < from.count(); i++) {
      loops.roundToBfloats(address(from, i), from.headSize(), address(to, i));
    }
  }

  @Override
  public void clear(HeadRows rows) {
    if (!floatsOffHeap(rows) || rows.headSize() % loops.lanes != 0) {
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
    long from = data.address() + offset;
    int seen = 0;
    for (long at = 0; at < bytes; at += CACHE_LINE) {
      seen |= OffHeap.ALL.get(ValueLayout.JAVA_BYTE, from + at);
    }
    if (seen == Integer.MAX_VALUE) {
      // Never: a sum of nothing would let the compiler drop the reads.
      Thread.onSpinWait();
    }
  }

  private static boolean floatsOffHeap(HeadRows rows) {
    return rows.type() == ElementType.FLOAT32 && rows.data().isNative();
  }

  private static long address(HeadRows rows, long index) {
    return rows.data().address() + rows.byteOffset(index);
  }

  private static <T extends Scratch> T take(ConcurrentLinkedDeque<T> pool, int headSize, Function<Integer, T> create) {
    // A scratch of another head size is dropped: a program uses one or two sizes.
    for (T scratch = pool.pollFirst(); scratch != null; scratch = pool.pollFirst()) {
      if (scratch.headSize == headSize) {
        return scratch;
      }
    }
    return create.apply(headSize);
  }

  private static <T extends Scratch> void give(ConcurrentLinkedDeque<T> pool, T scratch) {
    pool.addFirst(scratch);
  }
}
