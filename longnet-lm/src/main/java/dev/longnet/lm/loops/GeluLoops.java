// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;
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
final class GeluLoops {
  private static final float P0 = -0.99999994f;
  private static final float P1 = -1.1511075f;
  private static final float P2 = -0.45918968f;
  private static final float P3 = -0.052553426f;
  private static final float P4 = 0.007149039f;
  private static final float P5 = -0.00020485489f;
  private static final float P6 = -0.00015710379f;
  private static final float P7 = 3.3068085e-05f;
  private static final float P8 = -2.2934057e-06f;

  private static final float K0 = 1.0f;
  private static final float K1 = -0.79788625f;
  private static final float K2 = -0.6365975f;
  private static final float K3 = -0.10911638f;
  private static final float K4 = 0.019388195f;
  private static final float K5 = -0.00014249541f;
  private static final float K6 = -0.0010572769f;
  private static final float K7 = 0.00031827975f;
  private static final float K8 = -4.4382912e-05f;
  private static final float K9 = 2.5374814e-06f;

  private static final int SIGN = 0x80000000;
  private static final int LIMIT = Float.floatToRawIntBits(7);

  private GeluLoops() {}

  private static FloatVector of(float value) {
    return FloatVector.broadcast(Lanes.F, value);
  }

  /// |u|, at most 7; 7 for NaN.
  private static FloatVector distance(FloatVector u) {
    return u.reinterpretAsInts()
        .and(~SIGN)
        .lanewise(VectorOperators.UMIN, LIMIT)
        .reinterpretAsFloats();
  }

  /// Phi(-t)
  private static FloatVector tail(FloatVector t) {
    FloatVector p = of(P8).fma(t, of(P7)).fma(t, of(P6)).fma(t, of(P5)).fma(t, of(P4));
    p = p.fma(t, of(P3)).fma(t, of(P2)).fma(t, of(P1)).fma(t, of(P0));
    FloatVector rounded = p.add(Lanes.ROUND);
    FloatVector f = p.sub(rounded.sub(Lanes.ROUND));
    FloatVector e = of(Lanes.EXP5).fma(f, of(Lanes.EXP4)).fma(f, of(Lanes.EXP3));
    e = e.fma(f, of(Lanes.EXP2)).fma(f, of(Lanes.EXP1)).fma(f, of(1));
    return e.reinterpretAsInts()
        .add(rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23))
        .reinterpretAsFloats();
  }

  /// max(u, 0) - |u| q
  private static FloatVector gelu(FloatVector u, FloatVector q) {
    IntVector bits = u.reinterpretAsInts();
    FloatVector positive = bits.max(0).reinterpretAsFloats();
    return bits.or(SIGN).reinterpretAsFloats().fma(q, positive);
  }

  /// y = gelu(x + shift)
  ///
  /// @return the sum of y
  static float gelu(long x, long bytes, long shift, long y) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      FloatVector u = at(x + i).add(at(shift + i));
      FloatVector value = gelu(u, tail(distance(u)));
      put(value, y + i);
      FloatVector next = a.add(value);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  /// [#gelu], and its derivative.
  static float geluAndSlope(long x, long bytes, long shift, long y, long slope) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      FloatVector u = at(x + i).add(at(shift + i));
      FloatVector t = distance(u);
      FloatVector q = tail(t);
      FloatVector value = gelu(u, q);
      put(value, y + i);
      put(slope(u, t, q), slope + i);
      FloatVector next = a.add(value);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  private static FloatVector slope(FloatVector u, FloatVector t, FloatVector q) {
    FloatVector k = of(K9).fma(t, of(K8)).fma(t, of(K7)).fma(t, of(K6)).fma(t, of(K5));
    k = k.fma(t, of(K4)).fma(t, of(K3)).fma(t, of(K2)).fma(t, of(K1)).fma(t, of(K0));
    FloatVector below = k.mul(q);
    return of(1).sub(below).blend(below, u.compare(VectorOperators.LT, 0));
  }
}
