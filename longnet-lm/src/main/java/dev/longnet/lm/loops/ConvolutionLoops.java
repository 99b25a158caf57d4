// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/// A convolution of one register's columns, down the rows: the rows that one row needs stay in
/// registers for the next. All rows lie `step` bytes apart, weights' rows too.
final class ConvolutionLoops {
  /// Taps that a pass over the rows takes.
  static final int TAPS = 4;

  private ConvolutionLoops() {}

  /// y row i = from row i + the sum over j of x row i + j times w row j + shift.
  ///
  /// @param x `[rows + 3]`
  /// @param w `[4]`
  /// @param fromStep 0 where all rows of y begin with one
  static void weigh(
      long x, long step, long rows, long w, long from, long fromStep, long shift, long y) {
    Loops.weigh(x, step, rows, w, from, fromStep, shift, y);
  }

  /// The gradients of a convolution: y row i = from row i + the sum over j of g row i + 3 - j times
  /// w row j. Adds x + shift times g row i + 3 - j to row j of sums, and y to total.
  ///
  /// @param g `[rows + 3]`
  /// @param w `[4]`
  /// @param sums `[4]`
  static void gradients(
      long g,
      long x,
      long step,
      long rows,
      long w,
      long shift,
      long from,
      long fromStep,
      long y,
      long sums,
      long total) {
    Loops.gradients(g, x, step, rows, w, shift, from, fromStep, y, sums, total);
  }

  /// Multiplies rows by factors as [RotationLoops#spread] gives them.
  static void turn(long x, long step, long rows, long real, long imaginary) {
    Loops.turn(x, step, rows, real, imaginary);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(Lanes.F, l -> l ^ 1);

    static void weigh(
        long x, long step, long rows, long w, long from, long fromStep, long shift, long y) {
      FloatVector s = at(shift);
      FloatVector v0 = at(w);
      FloatVector v1 = at(w + step);
      FloatVector v2 = at(w + 2 * step);
      FloatVector v3 = at(w + 3 * step);
      FloatVector a = at(x);
      FloatVector b = at(x + step);
      FloatVector c = at(x + 2 * step);
      long end = y + rows * step;
      for (long i = x + 3 * step, j = y, k = from; j < end; i += step, j += step, k += fromStep) {
        FloatVector d = at(i);
        put(d.fma(v3, c.fma(v2, b.fma(v1, a.fma(v0, at(k))))).add(s), j);
        a = b;
        b = c;
        c = d;
      }
    }

    static void gradients(
        long g,
        long x,
        long step,
        long rows,
        long w,
        long shift,
        long from,
        long fromStep,
        long y,
        long sums,
        long total) {
      FloatVector s = at(shift);
      FloatVector v0 = at(w);
      FloatVector v1 = at(w + step);
      FloatVector v2 = at(w + 2 * step);
      FloatVector v3 = at(w + 3 * step);
      FloatVector a = at(g);
      FloatVector b = at(g + step);
      FloatVector c = at(g + 2 * step);
      FloatVector sum0 = FloatVector.zero(Lanes.F);
      FloatVector sum1 = FloatVector.zero(Lanes.F);
      FloatVector sum2 = FloatVector.zero(Lanes.F);
      FloatVector sum3 = FloatVector.zero(Lanes.F);
      FloatVector all = FloatVector.zero(Lanes.F);
      long ahead = g + 3 * step - y;
      long other = x - y;
      long end = y + rows * step;
      for (long j = y, k = from; j < end; j += step, k += fromStep) {
        FloatVector d = at(j + ahead);
        FloatVector own = at(j + other).add(s);
        sum0 = own.fma(d, sum0);
        sum1 = own.fma(c, sum1);
        sum2 = own.fma(b, sum2);
        sum3 = own.fma(a, sum3);
        FloatVector next = a.fma(v3, b.fma(v2, c.fma(v1, d.fma(v0, at(k)))));
        all = all.add(next);
        put(next, j);
        a = b;
        b = c;
        c = d;
      }
      put(at(sums).add(sum0), sums);
      put(at(sums + step).add(sum1), sums + step);
      put(at(sums + 2 * step).add(sum2), sums + 2 * step);
      put(at(sums + 3 * step).add(sum3), sums + 3 * step);
      put(at(total).add(all), total);
    }

    static void turn(long x, long step, long rows, long real, long imaginary) {
      long end = x + rows * step;
      long r = real - x;
      long m = imaginary - x;
      for (long i = x; i < end; i += step) {
        FloatVector a = at(i);
        put(a.mul(at(i + r)).add(a.rearrange(SWAP).mul(at(i + m))), i);
      }
    }
  }
}
