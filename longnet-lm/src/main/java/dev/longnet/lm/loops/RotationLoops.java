// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.LANES;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorShuffle;

/// Complex products of one row of whole registers with factors of its token.
@SuppressWarnings("serial")
final class RotationLoops extends ApartFromCallers {
  private static final VectorShuffle<Float> SWAP = VectorShuffle.fromOp(Lanes.F, l -> l ^ 1);
  private static final VectorShuffle<Float> REAL = VectorShuffle.fromOp(Lanes.F, l -> l & -2);
  private static final VectorShuffle<Float> IMAGINARY = VectorShuffle.fromOp(Lanes.F, l -> l | 1);

  /// -1, 1, -1, 1, ...
  private static final FloatVector SIGNS =
      FloatVector.fromArray(
          Lanes.F, new float[] {-1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1}, 0);

  private RotationLoops() {}

  /// The factors (c, s) of a head's pairs as (c, c) and (-s, s), repeated until they fill whole
  /// registers: as one head where its rows are whole registers, else as all heads of a row.
  ///
  /// @param sign -1 for the conjugates
  /// @return bytes of what was written; a row is a whole number of them
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
      FloatVector f = FloatVector.fromMemorySegment(Lanes.F, ALL, factors + i, NATIVE);
      f.rearrange(REAL).intoMemorySegment(ALL, real + i, NATIVE);
      f.rearrange(IMAGINARY).mul(signs).intoMemorySegment(ALL, imaginary + i, NATIVE);
    }
    return 8L * pairs;
  }

  /// y = (x + shift) times the factors.
  static void rotate(long x, long shift, long bytes, long real, long imaginary, long y) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector a =
          FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
              .add(FloatVector.fromMemorySegment(Lanes.F, ALL, shift + i, NATIVE));
      a.mul(FloatVector.fromMemorySegment(Lanes.F, ALL, real + i, NATIVE))
          .add(
              a.rearrange(SWAP)
                  .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, imaginary + i, NATIVE)))
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }

  /// y = x times the factors; adds the result to sums.
  static void rotateBackward(long x, long bytes, long real, long imaginary, long sums, long y) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector a = FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE);
      FloatVector b =
          a.mul(FloatVector.fromMemorySegment(Lanes.F, ALL, real + i, NATIVE))
              .add(
                  a.rearrange(SWAP)
                      .mul(FloatVector.fromMemorySegment(Lanes.F, ALL, imaginary + i, NATIVE)));
      b.intoMemorySegment(ALL, y + i, NATIVE);
      b.add(FloatVector.fromMemorySegment(Lanes.F, ALL, sums + i, NATIVE))
          .intoMemorySegment(ALL, sums + i, NATIVE);
    }
  }

  /// y = x + shift
  static void shift(long x, long shift, long bytes, long y) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE)
          .add(FloatVector.fromMemorySegment(Lanes.F, ALL, shift + i, NATIVE))
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }
}
