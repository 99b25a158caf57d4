// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.AllLanes.total;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;

/// LayerNorm of one row of whole pairs of registers; what lies behind the row's end in the last
/// ones is zero at first. `bytes` counts those too.
final class NormLoops {
  private NormLoops() {}

  /// The sum of a row.
  static float sum(long x, long bytes) {
    return Loops.sum(x, bytes);
  }

  /// y = x + (other + shift)
  ///
  /// @return the sum of y
  static float add(long x, long other, long shift, long bytes, long y) {
    return Loops.add(x, other, shift, bytes, y);
  }

  /// Mean and 1 / deviation of a row by its sum, as [Moments] reads them. Writes behind the row's
  /// end, where it ends within a register.
  static long moments(long x, int width, float sum) {
    return Loops.moments(x, width, sum);
  }

  static void normalize(
      long x, long bytes, float mean, float reciprocal, long gain, long bias, long y) {
    Loops.normalize(x, bytes, mean, reciprocal, gain, bias, y);
  }

  /// normal = (x - mean) * reciprocal, y = normal * gain + bias; adds grad normal to gains and grad
  /// to biases.
  ///
  /// @return the sums of grad gain and of grad gain normal: as [Moments] reads them
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
    return Loops.gradients(x, bytes, mean, reciprocal, grad, gain, bias, normal, y, gains, biases);
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
    Loops.gradient(grad, gain, normal, bytes, reciprocal, mean, meanProduct, y);
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
    Loops.addGradient(grad, gain, normal, bytes, reciprocal, mean, meanProduct, y);
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
    Loops.gradient(grad, gain, normal, bytes, reciprocal, mean, meanProduct, slope, sums, y);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    static float sum(long x, long bytes) {
      long step = Lanes.step();
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      FloatVector c = FloatVector.zero(Lanes.F);
      FloatVector d = FloatVector.zero(Lanes.F);
      for (long i = x, end = x + bytes; i < end; i += 2 * step) {
        // Four sums that change places: an addition waits for the last but one.
        FloatVector nextA = a.add(at(i));
        FloatVector nextB = b.add(at(i + step));
        a = c;
        b = d;
        c = nextA;
        d = nextB;
      }
      return total(a.add(c).add(b.add(d)));
    }

    static float add(long x, long other, long shift, long bytes, long y) {
      long step = Lanes.step();
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      for (long i = 0; i < bytes; i += 2 * step) {
        FloatVector even = at(x + i).add(at(other + i).add(at(shift + i)));
        long j = i + step;
        FloatVector odd = at(x + j).add(at(other + j).add(at(shift + j)));
        put(even, y + i);
        put(odd, y + j);
        a = a.add(even);
        b = b.add(odd);
      }
      return total(a.add(b));
    }

    static long moments(long x, int width, float sum) {
      float mean = sum / width;
      if (width % Lanes.PAIR != 0) {
        RowMoves.fill(x, width, mean);
      }
      return Moments.of(mean, squares(x, Lanes.bytes(width), mean), width);
    }

    /// The sum of (x - mean)^2.
    private static float squares(long x, long bytes, float mean) {
      long step = Lanes.step();
      FloatVector m = FloatVector.broadcast(Lanes.F, mean);
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      FloatVector c = FloatVector.zero(Lanes.F);
      FloatVector d = FloatVector.zero(Lanes.F);
      for (long i = x, end = x + bytes; i < end; i += 2 * step) {
        FloatVector even = at(i).sub(m);
        FloatVector odd = at(i + step).sub(m);
        FloatVector nextA = even.fma(even, a);
        FloatVector nextB = odd.fma(odd, b);
        a = c;
        b = d;
        c = nextA;
        d = nextB;
      }
      return total(a.add(c).add(b.add(d)));
    }

    static void normalize(
        long x, long bytes, float mean, float reciprocal, long gain, long bias, long y) {
      long step = Lanes.step();
      FloatVector m = FloatVector.broadcast(Lanes.F, mean);
      FloatVector r = FloatVector.broadcast(Lanes.F, reciprocal);
      for (long i = 0; i < bytes; i += 2 * step) {
        long j = i + step;
        FloatVector even = at(x + i).sub(m).mul(r).fma(at(gain + i), at(bias + i));
        FloatVector odd = at(x + j).sub(m).mul(r).fma(at(gain + j), at(bias + j));
        put(even, y + i);
        put(odd, y + j);
      }
    }

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
        FloatVector scale = at(gain + i);
        put(n, normal + i);
        put(n.fma(scale, at(bias + i)), y + i);
        put(n.fma(g, at(gains + i)), gains + i);
        put(g.add(at(biases + i)), biases + i);
        g = g.mul(scale);
        a = a.add(g);
        b = g.fma(n, b);
      }
      return Moments.pair(total(a), total(b));
    }

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
      for (long i = 0; i < bytes; i += 2 * step) {
        long j = i + step;
        FloatVector g = at(grad + i).mul(at(gain + i)).sub(m);
        FloatVector h = at(grad + j).mul(at(gain + j)).sub(m);
        put(at(normal + i).fma(p, g).mul(r), y + i);
        put(at(normal + j).fma(p, h).mul(r), y + j);
      }
    }

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
      for (long i = 0; i < bytes; i += 2 * step) {
        long j = i + step;
        FloatVector g = at(grad + i).mul(at(gain + i)).sub(m);
        FloatVector h = at(grad + j).mul(at(gain + j)).sub(m);
        put(at(normal + i).fma(p, g).fma(r, at(y + i)), y + i);
        put(at(normal + j).fma(p, h).fma(r, at(y + j)), y + j);
      }
    }

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
        FloatVector g = at(grad + i).mul(at(gain + i)).sub(m);
        g = at(normal + i).fma(p, g).mul(r).mul(at(slope + i));
        put(g, y + i);
        put(g.add(at(sums + i)), sums + i);
      }
    }
  }
}
