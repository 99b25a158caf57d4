// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;

/// Copies between types and sums, of whole pairs of registers.
@SuppressWarnings("serial")
final class MoveLoops extends ApartFromCallers {
  private MoveLoops() {}

  /// bfloat16 to float32.
  ///
  /// @param bytes of float32
  static void widen(long from, long to, long bytes) {
    long step = Lanes.step();
    for (long i = from, j = to, end = to + bytes; j < end; i += step, j += 2 * step) {
      ShortVector even = ShortVector.fromMemorySegment(Lanes.H, ALL, i, NATIVE);
      ShortVector odd = ShortVector.fromMemorySegment(Lanes.H, ALL, i + step / 2, NATIVE);
      IntVector a = (IntVector) even.convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.I, 0);
      IntVector b = (IntVector) odd.convertShape(VectorOperators.ZERO_EXTEND_S2I, Lanes.I, 0);
      put(a.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), j);
      put(b.lanewise(VectorOperators.LSHL, 16).reinterpretAsFloats(), j + step);
    }
  }

  /// float32 to the nearest bfloat16, ties to even; NaN stays NaN.
  ///
  /// @param bytes of float32
  static void narrow(long from, long to, long bytes) {
    long step = Lanes.step();
    FloatVector nan = FloatVector.broadcast(Lanes.F, Float.NaN);
    for (long i = from, j = to, end = from + bytes; i < end; i += 2 * step, j += step) {
      FloatVector x = at(i);
      FloatVector y = at(i + step);
      IntVector a = x.reinterpretAsInts();
      IntVector b = y.reinterpretAsInts();
      a = a.add(a.lanewise(VectorOperators.LSHR, 16).and(1)).add(0x7FFF);
      b = b.add(b.lanewise(VectorOperators.LSHR, 16).and(1)).add(0x7FFF);
      // All bits of a NaN may be set, and the sum is then 0.
      x = a.reinterpretAsFloats().blend(nan, x.compare(VectorOperators.NE, x));
      y = b.reinterpretAsFloats().blend(nan, y.compare(VectorOperators.NE, y));
      a = x.reinterpretAsInts().lanewise(VectorOperators.LSHR, 16);
      b = y.reinterpretAsInts().lanewise(VectorOperators.LSHR, 16);
      a.convertShape(VectorOperators.I2S, Lanes.H, 0).intoMemorySegment(ALL, j, NATIVE);
      b.convertShape(VectorOperators.I2S, Lanes.H, 0).intoMemorySegment(ALL, j + step / 2, NATIVE);
    }
  }

  /// y += x
  static void add(long x, long y, long bytes) {
    long step = Lanes.step();
    for (long i = x, j = y, end = x + bytes; i < end; i += 2 * step, j += 2 * step) {
      put(at(j).add(at(i)), j);
      put(at(j + step).add(at(i + step)), j + step);
    }
  }

  /// y = x + a b
  static void addProduct(long x, long a, long b, long bytes, long y) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      put(at(a + i).fma(at(b + i), at(x + i)), y + i);
    }
  }

  static void clear(long x, long bytes) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      put(FloatVector.zero(Lanes.F), x + i);
    }
  }
}
