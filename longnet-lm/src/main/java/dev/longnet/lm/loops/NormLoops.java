// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.Lanes.total;

import jdk.incubator.vector.FloatVector;

/// LayerNorm of one row of whole registers; what lies behind the row's end in its last register is
/// zero. `bytes` counts whole registers.
@SuppressWarnings("serial")
final class NormLoops extends ApartFromCallers {
  private NormLoops() {}

  /// The sum of a row.
  static float sum(long x, long bytes) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = x, end = x + bytes; i < end; i += step) {
      // Two sums that change places: an addition waits for the last but one.
      FloatVector next = a.add(FloatVector.fromMemorySegment(Lanes.F, ALL, i, NATIVE));
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  /// y = x + (other + shift)
  ///
  /// @return the sum of y
  static float add(long x, long other, long shift, long bytes, long y) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      FloatVector value =
          FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
              .add(
                  FloatVector.fromMemorySegment(Lanes.F, ALL, other + i, NATIVE)
                      .add(FloatVector.fromMemorySegment(Lanes.F, ALL, shift + i, NATIVE)));
      value.intoMemorySegment(ALL, y + i, NATIVE);
      FloatVector next = a.add(value);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  /// 1 / sqrt(variance + epsilon)
  static float reciprocal(long x, int width, float mean) {
    int whole = width / LANES * LANES;
    float squares = squares(x, 4L * whole, mean);
    for (int i = whole; i < width; i++) {
      float d = Elements.load(x, i) - mean;
      squares += d * d;
    }
    return (float) (1 / Math.sqrt(squares / width + RowLoops.EPSILON));
  }

  private static float squares(long x, long bytes, float mean) {
    long step = Lanes.step();
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = x, end = x + bytes; i < end; i += step) {
      FloatVector d = FloatVector.fromMemorySegment(Lanes.F, ALL, i, NATIVE).sub(m);
      FloatVector next = d.fma(d, a);
      a = b;
      b = next;
    }
    return total(a.add(b));
  }

  static void normalize(
      long x, long bytes, float mean, float reciprocal, long gain, long bias, long y) {
    long step = Lanes.step();
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
    for (long i = 0; i < bytes; i += step) {
      FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
          .sub(m)
          .mul(r)
          .fma(
              FloatVector.fromMemorySegment(Lanes.F, ALL, gain + i, NATIVE),
              FloatVector.fromMemorySegment(Lanes.F, ALL, bias + i, NATIVE))
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }

  /// normal = (x - mean) * reciprocal, y = normal * gain + bias; adds grad normal to gains and grad
  /// to biases.
  ///
  /// @return the sums of grad gain and of grad gain normal: see [#sum(long)] and [#product]
  static long gradients(
      long x,
      long bytes,
      float mean,
      float reciprocal,
      long grad,
      long gain,
      long bias,
      long normal,
      long y,
      long gains,
      long biases) {
    long step = Lanes.step();
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = 0; i < bytes; i += step) {
      FloatVector n = FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE).sub(m).mul(r);
      FloatVector g = FloatVector.fromMemorySegment(Lanes.F, ALL, grad + i, NATIVE);
      n.intoMemorySegment(ALL, normal + i, NATIVE);
      n.fma(g, FloatVector.fromMemorySegment(Lanes.F, ALL, gains + i, NATIVE))
          .intoMemorySegment(ALL, gains + i, NATIVE);
      g.add(FloatVector.fromMemorySegment(Lanes.F, ALL, biases + i, NATIVE))
          .intoMemorySegment(ALL, biases + i, NATIVE);
      FloatVector scale = FloatVector.fromMemorySegment(Lanes.F, ALL, gain + i, NATIVE);
      n.fma(scale, FloatVector.fromMemorySegment(Lanes.F, ALL, bias + i, NATIVE))
          .intoMemorySegment(ALL, y + i, NATIVE);
      FloatVector scaled = g.mul(scale);
      a = a.add(scaled);
      b = scaled.fma(n, b);
    }
    return (long) Float.floatToRawIntBits(total(a)) << 32
        | Integer.toUnsignedLong(Float.floatToRawIntBits(total(b)));
  }

  static float sum(long sums) {
    return Float.intBitsToFloat((int) (sums >>> 32));
  }

  static float product(long sums) {
    return Float.intBitsToFloat((int) sums);
  }

  /// The gradient with respect to the row before its norm: reciprocal * (grad gain - mean - normal
  /// * meanProduct), where the means are those of grad gain and of grad gain normal.
  static void gradient(
      long grad,
      long gain,
      long normal,
      long bytes,
      float reciprocal,
      float mean,
      float meanProduct,
      long y) {
    long step = Lanes.step();
    FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector p = FloatVector.broadcast(Lanes.F, -meanProduct);
    for (long i = 0; i < bytes; i += step) {
      FloatVector g =
          FloatVector.fromMemorySegment(Lanes.F, ALL, grad + i, NATIVE)
              .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, gain + i, NATIVE));
      FloatVector.fromMemorySegment(Lanes.F, ALL, normal + i, NATIVE)
          .fma(p, g.sub(m))
          .mul(r)
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }

  /// [#gradient], added to y.
  static void addGradient(
      long grad,
      long gain,
      long normal,
      long bytes,
      float reciprocal,
      float mean,
      float meanProduct,
      long y) {
    long step = Lanes.step();
    FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector p = FloatVector.broadcast(Lanes.F, -meanProduct);
    for (long i = 0; i < bytes; i += step) {
      FloatVector g =
          FloatVector.fromMemorySegment(Lanes.F, ALL, grad + i, NATIVE)
              .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, gain + i, NATIVE));
      FloatVector.fromMemorySegment(Lanes.F, ALL, normal + i, NATIVE)
          .fma(p, g.sub(m))
          .mul(r)
          .add(FloatVector.fromMemorySegment(Lanes.F, ALL, y + i, NATIVE))
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }

  /// [#gradient] times slope; adds the result to sums too.
  static void gradient(
      long grad,
      long gain,
      long normal,
      long bytes,
      float reciprocal,
      float mean,
      float meanProduct,
      long slope,
      long sums,
      long y) {
    long step = Lanes.step();
    FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
    FloatVector m = FloatVector.broadcast(Lanes.F, mean);
    FloatVector p = FloatVector.broadcast(Lanes.F, -meanProduct);
    for (long i = 0; i < bytes; i += step) {
      FloatVector g =
          FloatVector.fromMemorySegment(Lanes.F, ALL, grad + i, NATIVE)
              .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, gain + i, NATIVE));
      FloatVector d =
          FloatVector.fromMemorySegment(Lanes.F, ALL, normal + i, NATIVE)
              .fma(p, g.sub(m))
              .mul(r)
              .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, slope + i, NATIVE));
      d.intoMemorySegment(ALL, y + i, NATIVE);
      d.add(FloatVector.fromMemorySegment(Lanes.F, ALL, sums + i, NATIVE))
          .intoMemorySegment(ALL, sums + i, NATIVE);
    }
  }
}
