// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.total;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;

/// Exponentials of one row of logits.
@SuppressWarnings("serial")
final class LossLoops extends ApartFromCallers {
  private static final float LOG2_E = 1.442695f;

  /// Registers whose float32 sum is taken before it goes on in float64.
  private static final long BLOCK = 128;

  private LossLoops() {}

  /// The largest; NaN is passed over.
  static float max(long x, long bytes) {
    long step = Lanes.step();
    FloatVector a = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
    FloatVector b = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
    for (long i = x, end = x + bytes; i < end; i += step) {
      FloatVector value = FloatVector.fromMemorySegment(Lanes.F, ALL, i, NATIVE);
      FloatVector next = a.blend(value, value.compare(VectorOperators.GT, a));
      a = b;
      b = next;
    }
    return a.blend(b, b.compare(VectorOperators.GT, a)).reduceLanes(VectorOperators.MAX);
  }

  /// y = exp(x - largest); 2^-126 stands for everything smaller.
  ///
  /// @return the sum of y
  static double exponentials(long x, long bytes, float largest, long y) {
    double sum = 0;
    long block = BLOCK * Lanes.step();
    for (long i = 0; i < bytes; i += block) {
      sum += block(x + i, Math.min(block, bytes - i), largest, y + i);
    }
    return sum;
  }

  private static float block(long x, long bytes, float largest, long y) {
    long step = Lanes.step();
    FloatVector m = FloatVector.broadcast(Lanes.F, largest);
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      FloatVector t =
          FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE).sub(m).mul(of(LOG2_E));
      // A comparison, as NaN is to stay NaN.
      t = t.blend(of(-126), t.compare(VectorOperators.LT, of(-126)));
      FloatVector rounded = t.add(of(Lanes.ROUND));
      FloatVector f = t.sub(rounded.sub(of(Lanes.ROUND)));
      FloatVector e = of(Lanes.EXP5).fma(f, of(Lanes.EXP4)).fma(f, of(Lanes.EXP3));
      e = e.fma(f, of(Lanes.EXP2)).fma(f, of(Lanes.EXP1)).fma(f, of(1));
      e =
          e.reinterpretAsInts()
              .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      e.intoMemorySegment(ALL, y + i, NATIVE);
      FloatVector next = a.add(e);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  private static FloatVector of(float value) {
    return FloatVector.broadcast(Lanes.F, value);
  }

  /// x = x * factor
  static void scale(long x, long bytes, float factor) {
    long step = Lanes.step();
    FloatVector f = of(factor);
    for (long i = x, end = x + bytes; i < end; i += step) {
      FloatVector.fromMemorySegment(Lanes.F, ALL, i, NATIVE)
          .mul(f)
          .intoMemorySegment(ALL, i, NATIVE);
    }
  }
}
