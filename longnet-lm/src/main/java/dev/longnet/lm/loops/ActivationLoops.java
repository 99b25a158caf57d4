// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.AllLanes.total;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import dev.longnet.core.config.Activation;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;

/// Activations and their derivatives, each in a loop of its own. GELU's are [GeluLoops].
final class ActivationLoops {
  private ActivationLoops() {}

  /// y = a(x + shift).
  ///
  /// @param slope overwritten with what [#slopes] makes the derivative of
  /// @return the sum of y
  static float values(Activation a, long x, long bytes, long shift, long y, long slope) {
    return switch (a) {
      case GELU -> GeluLoops.gelu(x, bytes, shift, y, slope);
      case RELU -> Loops.relu(x, bytes, shift, y, slope);
      case SWISH -> Loops.swish(x, bytes, shift, y, slope);
    };
  }

  /// slope = a'(x + shift), in place of what [#values] left there.
  static void slopes(Activation a, long x, long bytes, long shift, long slope) {
    if (a == Activation.GELU) {
      GeluLoops.slope(x, bytes, shift, slope);
    } // The others' slopes cost next to nothing beside their values, and are there already.
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    private static final FloatVector EXP1 = of(Lanes.EXP1);
    private static final FloatVector EXP2 = of(Lanes.EXP2);
    private static final FloatVector EXP3 = of(Lanes.EXP3);
    private static final FloatVector EXP4 = of(Lanes.EXP4);
    private static final FloatVector EXP5 = of(Lanes.EXP5);
    private static final FloatVector ROUND = of(Lanes.ROUND);
    private static final FloatVector ZERO = of(0);
    private static final FloatVector ONE = of(1);

    /// e^-u is 2 to this power of u.
    private static final FloatVector EXPONENT = of(-1 / Math.log(2));

    private static final FloatVector LOWEST = of(-126);
    private static final FloatVector HIGHEST = of(126);

    private static FloatVector of(double value) {
      return FloatVector.broadcast(Lanes.F, (float) value);
    }

    static float relu(long x, long bytes, long shift, long y, long slope) {
      long step = Lanes.step();
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      for (long i = 0; i < bytes; i += step) {
        FloatVector u = at(x + i).add(at(shift + i));
        VectorMask<Float> off = u.compare(VectorOperators.LE, ZERO);
        FloatVector value = u.blend(ZERO, off);
        put(ONE.blend(ZERO, off), slope + i);
        put(value, y + i);
        FloatVector next = a.add(value);
        a = b;
        b = next;
      }
      return total(a.add(b));
    }

    /// With s = 1 / (1 + e^-u): u s, and s + u s (1 - s).
    static float swish(long x, long bytes, long shift, long y, long slope) {
      long step = Lanes.step();
      FloatVector a = FloatVector.zero(Lanes.F);
      FloatVector b = FloatVector.zero(Lanes.F);
      for (long i = 0; i < bytes; i += step) {
        FloatVector u = at(x + i).add(at(shift + i));
        FloatVector p = u.mul(EXPONENT);
        p = p.blend(LOWEST, p.compare(VectorOperators.LT, LOWEST));
        p = p.blend(HIGHEST, p.compare(VectorOperators.GT, HIGHEST));
        FloatVector rounded = p.add(ROUND);
        FloatVector f = p.sub(rounded.sub(ROUND));
        FloatVector e = EXP5.fma(f, EXP4).fma(f, EXP3).fma(f, EXP2).fma(f, EXP1).fma(f, ONE);
        IntVector power = rounded.reinterpretAsInts().lanewise(VectorOperators.LSHL, 23);
        FloatVector exponential = e.reinterpretAsInts().add(power).reinterpretAsFloats();
        FloatVector s = ONE.div(exponential.add(ONE));
        FloatVector value = u.mul(s);
        put(value.fma(ONE.sub(s), s), slope + i);
        put(value, y + i);
        FloatVector next = a.add(value);
        a = b;
        b = next;
      }
      return total(a.add(b));
    }
  }
}
