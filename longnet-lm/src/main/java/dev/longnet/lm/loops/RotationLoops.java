// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.Lanes.at;
import static dev.longnet.lm.loops.Lanes.put;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/// Complex products of one row of whole registers with factors of its token.
final class RotationLoops {
  private RotationLoops() {}

  /// The factors (c, s) of a head's pairs as (c, c) and (-s, s), repeated until they fill whole
  /// registers: as one head where its rows are whole registers, else as all heads of a row.
  ///
  /// @param sign -1 for the conjugates
  /// @return bytes of what was written; a row is a whole number of them
  static long spread(long factors, int pairs, int width, float sign, long real, long imaginary) {
    return Loops.spread(factors, pairs, width, sign, real, imaginary);
  }

  /// y = (x + shift) times the factors.
  static void rotate(long x, long shift, long bytes, long real, long imaginary, long y) {
    Loops.rotate(x, shift, bytes, real, imaginary, y);
  }

  /// y = x times the factors; adds the result to sums.
  static void rotateBackward(long x, long bytes, long real, long imaginary, long sums, long y) {
    Loops.rotateBackward(x, bytes, real, imaginary, sums, y);
  }

  /// y = x + shift
  static void shift(long x, long shift, long bytes, long y) {
    Loops.shift(x, shift, bytes, y);
  }

  /// The loops themselves.
  @SuppressWarnings("serial")
  private static final class Loops extends ApartFromCallers {
    private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(Lanes.F, l -> l ^ 1);
    private static final VectorShuffle<Float> REAL = VectorShuffle.fromOp(Lanes.F, l -> l & -2);
    private static final VectorShuffle<Float> IMAGINARY = VectorShuffle.fromOp(Lanes.F, l -> l | 1);

    /// -1, 1, -1, 1, ...
    private static final FloatVector SIGNS =
        FloatVector.fromArray(
            Lanes.F, new float[] {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1}, 0);

    static long spread(long factors, int pairs, int width, float sign, long real, long imaginary) {
      if (2 * pairs % LANES != 0) {
        for (int i = 0; i < width; i++) {
          int pair = i / 2 % pairs;
          Elements.store(real, i, Elements.load(factors, 2L * pair));
          float s = sign * Elements.load(factors, 2L * pair + 1);
          Elements.store(imaginary, i, i % 2 == 0 ? -s : s);
        }
        return Lanes.bytes(width);
      }
      long step = Lanes.step();
      FloatVector signs = SIGNS.mul(sign);
      for (long i = 0; i < 8L * pairs; i += step) {
        FloatVector f = at(factors + i);
        put(f.rearrange(REAL), real + i);
        put(f.rearrange(IMAGINARY).mul(signs), imaginary + i);
      }
      return 8L * pairs;
    }

    static void rotate(long x, long shift, long bytes, long real, long imaginary, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        FloatVector a = at(x + i).add(at(shift + i));
        put(a.mul(at(real + i)).add(a.rearrange(SWAP).mul(at(imaginary + i))), y + i);
      }
    }

    static void rotateBackward(long x, long bytes, long real, long imaginary, long sums, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        FloatVector a = at(x + i);
        FloatVector b = a.mul(at(real + i)).add(a.rearrange(SWAP).mul(at(imaginary + i)));
        put(b, y + i);
        put(b.add(at(sums + i)), sums + i);
      }
    }

    static void shift(long x, long shift, long bytes, long y) {
      long step = Lanes.step();
      for (long i = 0; i < bytes; i += step) {
        put(at(x + i).add(at(shift + i)), y + i);
      }
    }
  }
}
