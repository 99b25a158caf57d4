// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;
import static dev.longnet.lm.loops.Lanes.putNarrow;
import static dev.longnet.lm.loops.Lanes.wide;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// Rows on their way into loops over whole registers of float32, and back. A float32 row of whole
/// registers is worked on where it lies; any other is copied into scratch first, its last register
/// filled with zeros.
final class RowMoves {
  private RowMoves() {}

  private static boolean direct(RowBlock x) {
    return x.type() == ElementType.FLOAT32 && x.width() % LANES == 0;
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
    if (width % LANES == 0) {
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
    int whole = width / LANES * LANES;
    put(FloatVector.zero(Lanes.F), slot + 4L * whole);
    copy(from, slot, 4L * width);
  }

  private static void widen(long from, long slot, int width) {
    int whole = width / LANES * LANES;
    widenWhole(from, slot, 4L * whole);
    if (whole < width) {
      put(FloatVector.zero(Lanes.F), slot + 4L * whole);
      widenTail(from, slot, whole, width);
    }
  }

  private static void widenTail(long from, long to, int first, int width) {
    for (int i = first; i < width; i++) {
      Elements.store(to, i, Elements.load(ElementType.BFLOAT16, from, i));
    }
  }

  private static void widenWhole(long from, long to, long bytes) {
    long step = Lanes.step();
    for (long i = 0, source = from; i < bytes; i += step, source += step / 2) {
      put(wide(source), to + i);
    }
  }

  private static void narrow(long slot, long to, int width) {
    int whole = width / LANES * LANES;
    narrowWhole(slot, to, 4L * whole);
    for (int i = whole; i < width; i++) {
      Elements.store(ElementType.BFLOAT16, to, i, Elements.load(slot, i));
    }
  }

  private static void narrowWhole(long from, long to, long bytes) {
    long step = Lanes.step();
    for (long i = 0, target = to; i < bytes; i += step, target += step / 2) {
      putNarrow(at(from + i), target);
    }
  }

  /// A copy of row t, rounded once.
  static void copy(RowBlock x, RowBlock out, int t) {
    if (x.type() == out.type()) {
      copy(x.row(t), out.row(t), (long) x.type().bytes() * x.width());
    } else if (out.type() == ElementType.BFLOAT16) {
      narrow(x.row(t), out.row(t), x.width());
    } else {
      int whole = x.width() / LANES * LANES;
      widenWhole(x.row(t), out.row(t), 4L * whole);
      widenTail(x.row(t), out.row(t), whole, x.width());
    }
  }
}
