// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/// Registers of this machine's width, and what the vector loops share. All methods are short, so
/// that C2 takes them into the loops that call them.
final class Lanes {
  static final VectorSpecies<Float> F = FloatVector.SPECIES_PREFERRED;
  static final VectorSpecies<Integer> I = IntVector.SPECIES_PREFERRED;
  static final VectorSpecies<Short> H =
      VectorSpecies.of(short.class, VectorShape.forBitSize(F.vectorBitSize() / 2));
  static final int LANES = F.length();

  /// Floats that short loops take in a turn, in two registers; rows are padded to whole numbers of
  /// them.
  static final int PAIR = 2 * LANES;

  /// Bytes of a register: the step of most loops. Not final, so that C2 does not take them for
  /// counted loops: what it computes before the first turn of those takes longer than the few turns
  /// of a row. Nothing writes to it.
  @SuppressWarnings({"NonFinalStaticField", "FieldMayBeFinal"})
  private static long registerBytes = 4L * LANES;

  /// 2^f on [-1/2, 1/2] is 1 + f (EXP1 + f (EXP2 + ...)) to 9.2e-8 of it. Our own fit.
  static final float EXP1 = 0.693147f;

  static final float EXP2 = 0.24022242f;
  static final float EXP3 = 0.055507336f;
  static final float EXP4 = 0.009671515f;
  static final float EXP5 = 0.0013264733f;

  /// Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits.
  static final float ROUND = 0x1.8p23f;

  private Lanes() {}

  static long step() {
    return registerBytes;
  }

  /// Bytes of `width` floats in whole pairs of registers.
  static long bytes(int width) {
    return (width + PAIR - 1L) / PAIR * PAIR * 4;
  }

  /// How many of `width` floats lie in whole pairs of registers.
  static int whole(int width) {
    return width / PAIR * PAIR;
  }

  static FloatVector at(long address) {
    return FloatVector.fromMemorySegment(F, ALL, address, NATIVE);
  }

  static void put(FloatVector x, long address) {
    x.intoMemorySegment(ALL, address, NATIVE);
  }
}
