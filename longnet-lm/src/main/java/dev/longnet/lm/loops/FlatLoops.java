// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.AllLanes.total;
import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;

/// Loops over parameters, as one long vector: the optimizer's.
@SuppressWarnings("serial")
final class FlatLoops extends ApartFromCallers {
  /// Elements whose squares are summed in float32 before the sum goes on in float64.
  private static final int BLOCK = 64 * LANES;

  /// Sums of a block beyond these may have lost small squares, or overflown.
  private static final float LEAST = 1e-28f;

  private FlatLoops() {}

  static double squares(long x, long count) {
    double sum = 0;
    for (long i = 0; i < count; i += BLOCK) {
      sum += blockSquares(x + 4 * i, (int) Math.min(BLOCK, count - i));
    }
    return sum;
  }

  private static double blockSquares(long x, int count) {
    if (count == BLOCK) {
      float squares = squares(x);
      if (squares >= LEAST && squares < Float.POSITIVE_INFINITY) {
        return squares;
      }
    }
    double sum = 0;
    for (int i = 0; i < count; i++) {
      double value = Elements.load(x, i);
      sum += value * value;
    }
    return sum;
  }

  private static float squares(long x) {
    long step = Lanes.step();
    FloatVector a = FloatVector.zero(Lanes.F);
    FloatVector b = FloatVector.zero(Lanes.F);
    FloatVector c = FloatVector.zero(Lanes.F);
    FloatVector d = FloatVector.zero(Lanes.F);
    for (long i = x, end = x + 4L * BLOCK; i < end; i += 4 * step) {
      FloatVector x0 = at(i);
      FloatVector x1 = at(i + step);
      FloatVector x2 = at(i + 2 * step);
      FloatVector x3 = at(i + 3 * step);
      a = x0.fma(x0, a);
      b = x1.fma(x1, b);
      c = x2.fma(x2, c);
      d = x3.fma(x3, d);
    }
    return total(a.add(b).add(c.add(d)));
  }

  /// Whole registers; the same operations as [ScalarRowLoops#adam].
  static void adam(
      long values, long gradients, long first, long second, long bytes, AdamFactors f) {
    long step = Lanes.step();
    FloatVector scale = of(f.scale());
    FloatVector keep = of(f.keep());
    FloatVector decay = of(f.decay());
    FloatVector newFirst = of(f.newFirst());
    FloatVector oldSecond = of(f.oldSecond());
    FloatVector newSecond = of(f.newSecond());
    FloatVector correction = of(f.rootCorrection());
    FloatVector epsilon = of(f.epsilon());
    FloatVector stepSize = of(f.stepSize());
    for (long i = 0; i < bytes; i += step) {
      FloatVector value = at(values + i);
      FloatVector g = value.fma(decay, at(gradients + i).mul(scale));
      FloatVector m = at(first + i);
      m = newFirst.fma(g.sub(m), m);
      FloatVector v = at(second + i).mul(oldSecond).add(newSecond.mul(g).mul(g));
      put(m, first + i);
      put(v, second + i);
      FloatVector root = v.sqrt().div(correction).add(epsilon);
      put(value.mul(keep).sub(stepSize.mul(m).div(root)), values + i);
    }
  }

  private static FloatVector of(float value) {
    return FloatVector.broadcast(Lanes.F, value);
  }
}
