// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.total;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorOperators;

/// GELU and its derivative without a division. With q(t) = Phi(-t) = 2^P(t) for t = |u|,
///
///     gelu(u) = max(u, 0) - t q
///     gelu'(u) = Phi(u) + u phi(u) = q K(t) for u < 0, 1 - q K(t) for u >= 0
///
/// where K(t) = 1 - t phi(t) / q. Both polynomials are our own fits on `[0, 7]`; q is off by at
/// most 1.9e-8 / (1 + t), q K by 1e-8. Beyond 7, where q is 1e-12, q(7) stands for q(t).
@SuppressWarnings("serial")
final class GeluLoops extends ApartFromCallers {
  // Registers, not numbers: a broadcast in a loop has the compiler look at so much that it gives up
  // before the loop's end.
  private static final FloatVector P0 = of(-0.99999994f);
  private static final FloatVector P1 = of(-1.1511075f);
  private static final FloatVector P2 = of(-0.45918968f);
  private static final FloatVector P3 = of(-0.052553426f);
  private static final FloatVector P4 = of(0.007149039f);
  private static final FloatVector P5 = of(-0.00020485489f);
  private static final FloatVector P6 = of(-0.00015710379f);
  private static final FloatVector P7 = of(3.3068085e-05f);
  private static final FloatVector P8 = of(-2.2934057e-06f);

  private static final FloatVector K0 = of(1.0f);
  private static final FloatVector K1 = of(-0.79788625f);
  private static final FloatVector K2 = of(-0.6365975f);
  private static final FloatVector K3 = of(-0.10911638f);
  private static final FloatVector K4 = of(0.019388195f);
  private static final FloatVector K5 = of(-0.00014249541f);
  private static final FloatVector K6 = of(-0.0010572769f);
  private static final FloatVector K7 = of(0.00031827975f);
  private static final FloatVector K8 = of(-4.4382912e-05f);
  private static final FloatVector K9 = of(2.5374814e-06f);

  private static final FloatVector EXP1 = of(Lanes.EXP1);
  private static final FloatVector EXP2 = of(Lanes.EXP2);
  private static final FloatVector EXP3 = of(Lanes.EXP3);
  private static final FloatVector EXP4 = of(Lanes.EXP4);
  private static final FloatVector EXP5 = of(Lanes.EXP5);
  private static final FloatVector ROUND = of(Lanes.ROUND);
  private static final FloatVector ONE = of(1);

  private static final int SIGN = 0x80000000;
  private static final int LIMIT = Float.floatToRawIntBits(7);

  private GeluLoops() {}

  private static FloatVector of(float value) {
    return FloatVector.broadcast(Lanes.F, value);
  }

  /// y = gelu(x + shift), q = Phi(-|x + shift|). All of it in one method: C2 takes no method of
  /// this length into a loop once it has compiled it for itself, and its vectors become objects.
  ///
  /// @return the sum of y
  static float gelu(long x, long bytes, long shift, long y, long q) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      IntVector u =
          FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
              .add(FloatVector.fromMemorySegment(Lanes.F, ALL, shift + i, NATIVE))
              .reinterpretAsInts();
      // |u|, at most 7; 7 for NaN.
      FloatVector t = u.and(~SIGN).lanewise(VectorOperators.UMIN, LIMIT).reinterpretAsFloats();
      FloatVector p = P8.fma(t, P7).fma(t, P6).fma(t, P5).fma(t, P4);
      p = p.fma(t, P3).fma(t, P2).fma(t, P1).fma(t, P0);
      FloatVector rounded = p.add(ROUND);
      FloatVector f = p.sub(rounded.sub(ROUND));
      FloatVector e = EXP5.fma(f, EXP4).fma(f, EXP3);
      e = e.fma(f, EXP2).fma(f, EXP1).fma(f, ONE);
      FloatVector tail =
          e.reinterpretAsInts()
              .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
              .reinterpretAsFloats();
      // max(u, 0) - |u| q; a float below 0 is an integer below 0.
      FloatVector value =
          u.or(SIGN).reinterpretAsFloats().fma(tail, u.max(0).reinterpretAsFloats());
      tail.intoMemorySegment(ALL, q + i, NATIVE);
      value.intoMemorySegment(ALL, y + i, NATIVE);
      FloatVector next = a.add(value);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  /// slope = gelu'(x + shift), in place of q.
  static void slope(long x, long bytes, long shift, long q) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector u =
          FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
              .add(FloatVector.fromMemorySegment(Lanes.F, ALL, shift + i, NATIVE));
      FloatVector t =
          u.reinterpretAsInts()
              .and(~SIGN)
              .lanewise(VectorOperators.UMIN, LIMIT)
              .reinterpretAsFloats();
      FloatVector k = K9.fma(t, K8).fma(t, K7).fma(t, K6).fma(t, K5);
      k = k.fma(t, K4).fma(t, K3).fma(t, K2).fma(t, K1).fma(t, K0);
      FloatVector below = k.mul(FloatVector.fromMemorySegment(Lanes.F, ALL, q + i, NATIVE));
      ONE.sub(below)
          .blend(below, u.compare(VectorOperators.LT, 0))
          .intoMemorySegment(ALL, q + i, NATIVE);
    }
  }
}
