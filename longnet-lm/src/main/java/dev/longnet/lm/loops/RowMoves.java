// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.LANES;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

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
    FloatVector.zero(Lanes.F).intoMemorySegment(ALL, slot + 4L * whole, NATIVE);
    copy(from, slot, 4L * width);
  }

  private static void widen(long from, long slot, int width) {
    int whole = width / LANES * LANES;
    widenWhole(from, slot, 4L * whole);
    if (whole < width) {
      FloatVector.zero(Lanes.F).intoMemorySegment(ALL, slot + 4L * whole, NATIVE);
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
      IntVector bits =
          (IntVector)
              ShortVector.fromMemorySegment(Lanes.H, ALL, source, NATIVE)
                  .convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.I, 0);
      bits.lanewise(VectorOperators.LSHL, 16)
          .reinterpretAsFloats()
          .intoMemorySegment(ALL, to + i, NATIVE);
    }
  }

  private static void narrow(long slot, long to, int width) {
    int whole = width / LANES * LANES;
    narrowWhole(slot, to, 4L * whole);
    for (int i = whole; i < width; i++) {
      Elements.store(ElementType.BFLOAT16, to, i, Elements.load(slot, i));
    }
  }

  /// To the nearest, ties to even; NaN stays NaN.
  private static void narrowWhole(long from, long to, long bytes) {
    long step = Lanes.step();
    FloatVector nan = FloatVector.broadcast(Lanes.F, Float.NaN);
    for (long i = 0, target = to; i < bytes; i += step, target += step / 2) {
      FloatVector x = FloatVector.fromMemorySegment(Lanes.F, ALL, from + i, NATIVE);
      IntVector bits = x.reinterpretAsInts();
      IntVector odd = bits.lanewise(VectorOperators.LSHR, 16).and(1);
      FloatVector rounded = bits.add(odd).add(0x7FFF).reinterpretAsFloats();
      // All bits of a NaN may be set, and the sum is then 0.
      rounded = rounded.blend(nan, x.compare(VectorOperators.NE, x));
      rounded
          .reinterpretAsInts()
          .lanewise(VectorOperators.LSHR, 16)
          .convertShape(VectorOperators.I2S, Lanes.H, 0)
          .intoMemorySegment(ALL, target, NATIVE);
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
