// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;
import static dev.longnet.lm.loops.Lanes.total;

import jdk.incubator.vector.FloatVector;

/// LayerNorm of one row of whole registers; what lies behind the row's end in its last register is
/// zero. `bytes` counts whole registers.
final class NormLoops {
  private NormLoops() {}

  /// The sum of a row.
  static float sum(long x, long bytes) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    for (long i = x, end = x + bytes; i < end; i += step) {
      // Two sums that change places: an addition waits for the last but one.
      FloatVector next = a.add(at(i));
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
      FloatVector value = at(x + i).add(at(other + i).add(at(shift + i)));
      put(value, y + i);
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
      FloatVector d = at(i).sub(m);
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
      put(at(x + i).sub(m).mul(r).fma(at(gain + i), at(bias + i)), y + i);
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
      FloatVector n = at(x + i).sub(m).mul(r);
      FloatVector g = at(grad + i);
      put(n, normal + i);
      put(n.fma(g, at(gains + i)), gains + i);
      put(g.add(at(biases + i)), biases + i);
      FloatVector scale = at(gain + i);
      put(n.fma(scale, at(bias + i)), y + i);
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
      FloatVector g = at(grad + i).mul(at(gain + i));
      put(at(normal + i).fma(p, g.sub(m)).mul(r), y + i);
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
      FloatVector g = at(grad + i).mul(at(gain + i));
      put(at(normal + i).fma(p, g.sub(m)).mul(r).add(at(y + i)), y + i);
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
      FloatVector g = at(grad + i).mul(at(gain + i));
      FloatVector d = at(normal + i).fma(p, g.sub(m)).mul(r).mul(at(slope + i));
      put(d, y + i);
      put(d.add(at(sums + i)), sums + i);
    }
  }
}
