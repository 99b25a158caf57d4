// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.AllLanes.total;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import dev.longnet.core.stream.kernel.ErfCoefficients;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// GELU and its derivative. With h = erf(u / sqrt 2) / 2, from [ErfCoefficients],
///
///     gelu(u) = u / 2 + u h
///     gelu'(u) = 1/2 + h + u phi(u)
///
/// Each loop is one flat method: C2 takes no method of this length into a loop once it has compiled
/// it for itself, and the vectors given to it become objects.
final class GeluLoops {
  private GeluLoops() {}

  /// y = gelu(x + shift), half = erf((x + shift) / sqrt 2) / 2.
  ///
  /// @return the sum of y
  static float gelu(long x, long bytes, long shift, long y, long half) {
    return Loops.gelu(x, bytes, shift, y, half);
  }

  /// slope = gelu'(x + shift), in place of half.
  static void slope(long x, long bytes, long shift, long half) {
    Loops.slope(x, bytes, shift, half);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    // Registers, not numbers: a broadcast in a loop has the compiler look at so much that it gives
    // up
    // before the loop's end.
    private static final FloatVector P0 = of(ErfCoefficients.p(0) / 2);
    private static final FloatVector P1 = of(ErfCoefficients.p(1) / 2);
    private static final FloatVector P2 = of(ErfCoefficients.p(2) / 2);
    private static final FloatVector P3 = of(ErfCoefficients.p(3) / 2);
    private static final FloatVector P4 = of(ErfCoefficients.p(4) / 2);
    private static final FloatVector P5 = of(ErfCoefficients.p(5) / 2);
    private static final FloatVector P6 = of(ErfCoefficients.p(6) / 2);
    private static final FloatVector Q1 = of(ErfCoefficients.q(1));
    private static final FloatVector Q2 = of(ErfCoefficients.q(2));
    private static final FloatVector Q3 = of(ErfCoefficients.q(3));
    private static final FloatVector Q4 = of(ErfCoefficients.q(4));
    private static final FloatVector EXP1 = of(Lanes.EXP1);
    private static final FloatVector EXP2 = of(Lanes.EXP2);
    private static final FloatVector EXP3 = of(Lanes.EXP3);
    private static final FloatVector EXP4 = of(Lanes.EXP4);
    private static final FloatVector EXP5 = of(Lanes.EXP5);
    private static final FloatVector ROUND = of(Lanes.ROUND);
    private static final FloatVector ONE = of(1);
    private static final FloatVector HALF = of(0.5);

    /// e^(-u^2 / 2) is 2 to this power of u^2.
    private static final FloatVector EXPONENT = of(-0.5 / Math.log(2));

    private static final FloatVector LOWEST = of(-126);
    private static final FloatVector DENSITY = of(1 / Math.sqrt(2 * Math.PI));
    private static final int SIGN = 0x80000000;
    private static final int LIMIT = Float.floatToRawIntBits((float) ErfCoefficients.LIMIT);

    private static FloatVector of(double value) {
      return FloatVector.broadcast(Lanes.F, (float) value);
    }

    static float gelu(long x, long bytes, long shift, long y, long half) {
      long step = Lanes.step();
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      for (long i = 0; i < bytes; i += step) {
        FloatVector u = at(x + i).add(at(shift + i));
        IntVector bits = u.reinterpretAsInts();
        // Floats from 0 on are ordered as integers are; the limit for NaN too.
        IntVector distance = bits.and(~SIGN).lanewise(VectorOperators.UMIN, LIMIT);
        FloatVector t = distance.or(bits.and(SIGN)).reinterpretAsFloats();
        FloatVector s = t.mul(t);
        FloatVector p = P6.fma(s, P5).fma(s, P4).fma(s, P3).fma(s, P2).fma(s, P1).fma(s, P0);
        FloatVector q = Q4.fma(s, Q3).fma(s, Q2).fma(s, Q1).fma(s, ONE);
        FloatVector h = t.mul(p).div(q);
        FloatVector value = u.fma(h, u.mul(HALF));
        put(h, half + i);
        put(value, y + i);
        // Two sums that change places: an addition waits for the last but one.
        FloatVector next = a.add(value);
        a = b;
        b = next;
      }
      return total(a.add(b));
    }

    static void slope(long x, long bytes, long shift, long half) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        FloatVector u = at(x + i).add(at(shift + i));
        FloatVector p = u.mul(u).mul(EXPONENT);
        p = p.blend(LOWEST, p.compare(VectorOperators.LT, LOWEST));
        FloatVector rounded = p.add(ROUND);
        FloatVector f = p.sub(rounded.sub(ROUND));
        FloatVector e = EXP5.fma(f, EXP4).fma(f, EXP3).fma(f, EXP2).fma(f, EXP1).fma(f, ONE);
        IntVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector exponential = e.reinterpretAsInts().add(power).reinterpretAsFloats();
        put(u.mul(DENSITY).fma(exponential, at(half + i).add(HALF)), half + i);
      }
    }
  }
}
