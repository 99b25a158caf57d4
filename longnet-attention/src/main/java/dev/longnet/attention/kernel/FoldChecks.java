// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.CancellationException;

/// The kernels' argument checks. They run once per call, so that the loops may trust their
/// addresses.
final class FoldChecks {
  private FoldChecks() {}

  static void forward(HeadRows q, HeadRows k, HeadRows v, HeadRows out, RowScalars lse) {
    inputs(q, k, v);
    rows("out", out, q.count(), q.headSize());
    accumulator("out", out, q.type().sums());
    scalars("lse", lse, q.count());
    writable("lse", lse.data());
  }

  static void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    rows("gradOut", gradOut, out.count(), out.headSize());
    scalars("delta", delta, out.count());
    writable("delta", delta.data());
  }

  static void copy(HeadRows from, HeadRows to) {
    rows("the copy", to, from.count(), from.headSize());
    writable("the copy", to.data());
  }

  static void round(RowScalars norms, RowScalars lse) {
    scalars("lse", lse, norms.count());
    writable("lse", lse.data());
  }

  static void clear(HeadRows rows) {
    accumulator("the rows to clear", rows, rows.type().sums());
  }

  @SuppressWarnings("NullAway") // values come with keys
  static void backward(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
      FoldGradients gradients) {
    inputs(q, k, v);
    rows("gradOut", gradOut, q.count(), q.headSize());
    precision("gradOut", gradOut, q);
    scalars("lse", lse, q.count());
    scalars("delta", delta, q.count());
    if (gradients.queries() != null) {
      rows("gradQ", gradients.queries(), q.count(), q.headSize());
      accumulator("gradQ", gradients.queries(), q.type().sums());
    }
    if (gradients.keys() != null) {
      rows("gradK", gradients.keys(), k.count(), k.headSize());
      accumulator("gradK", gradients.keys(), q.type().sums());
      rows("gradV", gradients.values(), k.count(), k.headSize());
      accumulator("gradV", gradients.values(), q.type().sums());
    }
  }

  /// Lets long folds stop soon after an interrupt.
  static void stopIfInterrupted() {
    if (Thread.currentThread().isInterrupted()) {
      throw new CancellationException("attention interrupted");
    }
  }

  private static void inputs(HeadRows q, HeadRows k, HeadRows v) {
    rows("k", k, k.count(), q.headSize());
    rows("v", v, k.count(), q.headSize());
    precision("k", k, q);
    precision("v", v, q);
  }

  /// Float64 rows and others never meet.
  private static void precision(String name, HeadRows rows, HeadRows q) {
    if (rows.type().sums() != q.type().sums()) {
      throw new IllegalArgumentException(
          name + " must be float64 where q is, and only there: " + rows.type());
    }
  }

  private static void rows(String name, HeadRows rows, long count, int headSize) {
    if (rows.count() != count || rows.headSize() != headSize) {
      throw new IllegalArgumentException(
          name
              + " must have "
              + count
              + " rows of "
              + headSize
              + " elements: "
              + rows.count()
              + " rows of "
              + rows.headSize());
    }
  }

  private static void accumulator(String name, HeadRows rows, ElementType type) {
    if (rows.type() != type) {
      String sums = type == ElementType.FLOAT64 ? "float64" : "float32";
      throw new IllegalArgumentException(name + " accumulates in " + sums + ": " + rows.type());
    }
    writable(name, rows.data());
  }

  private static void writable(String name, MemorySegment memory) {
    if (memory.isReadOnly()) {
      throw new IllegalArgumentException(name + " must be writable: it is read-only memory");
    }
  }

  private static void scalars(String name, RowScalars scalars, long count) {
    if (scalars.count() != count) {
      throw new IllegalArgumentException(
          name + " must hold one value per query: " + scalars.count() + " for " + count);
    }
  }
}
