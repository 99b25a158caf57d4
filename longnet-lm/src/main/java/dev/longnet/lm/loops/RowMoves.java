// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.lm.loops.Lanes.PAIR;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;

/// Rows on their way into loops over whole registers of float32, and back. A float32 row of whole
/// registers is worked on where it lies; any other is copied into scratch first, its last register
/// filled with zeros.
final class RowMoves {
  private RowMoves() {}

  private static boolean direct(RowBlock x) {
    return x.type() == ElementType.FLOAT32 && x.width() % PAIR == 0;
  }

  /// The address of row t for loops that read it.
  static long read(RowBlock x, int t, long slot) {
    if (direct(x)) {
      return x.row(t);
    }
    if (x.type() == ElementType.BFLOAT16) {
      widen(x.row(t), slot, x.width());
    } else {
      pad(x.row(t), slot, x.width());
    }
    return slot;
  }

  /// A vector for loops that read it.
  static long read(long vector, int width, long slot) {
    if (width % PAIR == 0) {
      return vector;
    }
    pad(vector, slot, width);
    return slot;
  }

  /// The address for loops that write row t; [#written] follows.
  static long target(RowBlock out, int t, long slot) {
    return direct(out) ? out.row(t) : slot;
  }

  static void written(RowBlock out, int t, long slot) {
    if (direct(out)) {
      return;
    }
    if (out.type() == ElementType.BFLOAT16) {
      narrow(slot, out.row(t), out.width());
    } else {
      copy(slot, out.row(t), 4L * out.width());
    }
  }

  static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }

  private static void pad(long from, long slot, int width) {
    MoveLoops.clear(slot + 4L * Lanes.whole(width), Lanes.bytes(1));
    copy(from, slot, 4L * width);
  }

  /// Fills what lies behind the end of a row in its last registers.
  static void fill(long slot, int width, float value) {
    for (int i = width; i < Lanes.bytes(width) / 4; i++) {
      Elements.store(slot, i, value);
    }
  }

  private static void widen(long from, long slot, int width) {
    int whole = Lanes.whole(width);
    MoveLoops.widen(from, slot, 4L * whole);
    if (whole < width) {
      MoveLoops.clear(slot + 4L * Lanes.whole(width), Lanes.bytes(1));
      widenTail(from, slot, whole, width);
    }
  }

  private static void widenTail(long from, long to, int first, int width) {
    for (int i = first; i < width; i++) {
      Elements.store(to, i, Elements.load(ElementType.BFLOAT16, from, i));
    }
  }

  private static void narrow(long slot, long to, int width) {
    int whole = Lanes.whole(width);
    MoveLoops.narrow(slot, to, 4L * whole);
    for (int i = whole; i < width; i++) {
      Elements.store(ElementType.BFLOAT16, to, i, Elements.load(slot, i));
    }
  }

  /// Adds a row of float32 to a vector.
  static void increase(long vector, long row, int width) {
    int whole = Lanes.whole(width);
    MoveLoops.add(row, vector, 4L * whole);
    for (int i = whole; i < width; i++) {
      Elements.store(vector, i, Elements.load(vector, i) + Elements.load(row, i));
    }
  }

  /// A copy of row t, rounded once.
  static void copy(RowBlock x, RowBlock out, int t) {
    if (x.type() == out.type()) {
      copy(x.row(t), out.row(t), (long) x.type().bytes() * x.width());
    } else if (out.type() == ElementType.BFLOAT16) {
      narrow(x.row(t), out.row(t), x.width());
    } else {
      int whole = Lanes.whole(x.width());
      MoveLoops.widen(x.row(t), out.row(t), 4L * whole);
      widenTail(x.row(t), out.row(t), whole, x.width());
    }
  }
}
