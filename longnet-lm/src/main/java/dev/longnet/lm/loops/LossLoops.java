// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.AllLanes.total;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import dev.longnet.attention.kernel.AllLanes;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// Exponentials of one row of logits.
final class LossLoops {
  private LossLoops() {}

  /// The largest; NaN is passed over.
  static float max(long x, long bytes) {
    return Loops.max(x, bytes);
  }

  /// y = exp(x - largest); 2^-126 stands for everything smaller.
  ///
  /// @return the sum of y
  static double exponentials(long x, long bytes, float largest, long y) {
    return Loops.exponentials(x, bytes, largest, y);
  }

  /// x = x * factor
  static void scale(long x, long bytes, float factor) {
    Loops.scale(x, bytes, factor);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    private static final FloatVector LOG2_E = of(1.442695f);
    private static final FloatVector LOWEST = of(-126);
    private static final FloatVector ROUND = of(Lanes.ROUND);
    private static final FloatVector EXP1 = of(Lanes.EXP1);
    private static final FloatVector EXP2 = of(Lanes.EXP2);
    private static final FloatVector EXP3 = of(Lanes.EXP3);
    private static final FloatVector EXP4 = of(Lanes.EXP4);
    private static final FloatVector EXP5 = of(Lanes.EXP5);
    private static final FloatVector ONE = of(1);

    /// Registers whose float32 sum is taken before it goes on in float64.
    private static final long BLOCK = 256;

    static float max(long x, long bytes) {
      long step = Lanes.step();
      FloatVector a = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
      FloatVector b = FloatVector.broadcast(Lanes.F, Float.NEGATIVE_INFINITY);
      for (long i = x, end = x + bytes; i < end; i += step) {
        FloatVector value = at(i);
        FloatVector next = a.blend(value, value.compare(VectorOperators.GT, a));
        a = b;
        b = next;
      }
      return AllLanes.max(a.blend(b, b.compare(VectorOperators.GT, a)));
    }

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
      for (long i = 0; i < bytes; i += 2 * step) {
        long j = i + step;
        FloatVector t = at(x + i).sub(m).mul(LOG2_E);
        FloatVector u = at(x + j).sub(m).mul(LOG2_E);
        // A comparison, as NaN is to stay NaN.
        t = t.blend(LOWEST, t.compare(VectorOperators.LT, LOWEST));
        u = u.blend(LOWEST, u.compare(VectorOperators.LT, LOWEST));
        FloatVector k = t.add(ROUND);
        FloatVector l = u.add(ROUND);
        t = t.sub(k.sub(ROUND));
        u = u.sub(l.sub(ROUND));
        FloatVector e = EXP5.fma(t, EXP4).fma(t, EXP3).fma(t, EXP2).fma(t, EXP1).fma(t, ONE);
        FloatVector f = EXP5.fma(u, EXP4).fma(u, EXP3).fma(u, EXP2).fma(u, EXP1).fma(u, ONE);
        IntVector p = k.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        IntVector q = l.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        e = e.reinterpretAsInts().add(p).reinterpretAsFloats();
        f = f.reinterpretAsInts().add(q).reinterpretAsFloats();
        put(e, y + i);
        put(f, y + j);
        a = a.add(e);
        b = b.add(f);
      }
      return total(a.add(b));
    }

    private static FloatVector of(float value) {
      return FloatVector.broadcast(Lanes.F, value);
    }

    static void scale(long x, long bytes, float factor) {
      long step = Lanes.step();
      FloatVector f = of(factor);
      for (long i = x, end = x + bytes; i < end; i += step) {
        put(at(i).mul(f), i);
      }
    }
  }
}
