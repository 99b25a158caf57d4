// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorShuffle;
import jdk.incubator.vector.VectorSpecies;

/// Reductions over the lanes of a register of this machine's preferred width, written out as trees.
/// `FloatVector.reduceLanes(ADD)` adds in an order that is the JIT's choice: its sums have other
/// bits in a loop that is compiled than in one that is not yet.
public final class AllLanes {
  private static final VectorSpecies<Float> S = FloatVector.SPECIES_PREFERRED;
  private static final int LANES = S.length();
  private static final VectorShuffle<Float> SWAP1 = VectorShuffle.fromOp(S, l -> l ^ 1);
  private static final VectorShuffle<Float> SWAP2 = VectorShuffle.fromOp(S, l -> l ^ 2);
  private static final VectorShuffle<Float> SWAP4 = VectorShuffle.fromOp(S, l -> l ^ 4 % LANES);
  private static final VectorShuffle<Float> SWAP8 = VectorShuffle.fromOp(S, l -> l ^ 8 % LANES);

  // Four sums at once: halves and then quarters of the registers are put beside one another.
  private static final VectorShuffle<Float> HALVES = VectorShuffle.fromOp(S, l -> l ^ LANES / 2);
  private static final VectorShuffle<Float> QUARTERS = VectorShuffle.fromOp(S, l -> l ^ LANES / 4);
  private static final VectorMask<Float> UPPER_HALF = mask(LANES / 2);
  private static final VectorMask<Float> UPPER_QUARTERS = mask(LANES / 4);
  private static final VectorShuffle<Float> FIRST =
      VectorShuffle.fromOp(S, l -> (l & 1) * LANES / 2 + (l >> 1 & 1) * LANES / 4);

  private AllLanes() {}

  private static VectorMask<Float> mask(int bit) {
    boolean[] set = new boolean[LANES];
    for (int lane = 0; lane < LANES; lane++) {
      set[lane] = (lane & bit) != 0;
    }
    return VectorMask.fromArray(S, set, 0);
  }

  /// The sum of all lanes: neighbours 8, 4, 2 and 1 lanes apart, in this order.
  public static float total(FloatVector x) {
    FloatVector s = x;
    if (LANES > 8) {
      s = s.add(s.rearrange(SWAP8));
    }
    if (LANES > 4) {
      s = s.add(s.rearrange(SWAP4));
    }
    s = s.add(s.rearrange(SWAP2));
    return s.add(s.rearrange(SWAP1)).lane(0);
  }

  /// Four of [#total], bit for bit, in a quarter of the shuffles; in the first four lanes.
  public static FloatVector totals(FloatVector a, FloatVector b, FloatVector c, FloatVector d) {
    FloatVector s =
        beside(
            beside(a, b, UPPER_HALF, HALVES),
            beside(c, d, UPPER_HALF, HALVES),
            UPPER_QUARTERS,
            QUARTERS);
    if (LANES > 8) {
      s = s.add(s.rearrange(SWAP2));
    }
    if (LANES > 4) {
      s = s.add(s.rearrange(SWAP1));
    }
    return s.rearrange(FIRST);
  }

  /// The lanes of a with their partners added where the mask is not set, those of b where it is.
  private static FloatVector beside(
      FloatVector a, FloatVector b, VectorMask<Float> upper, VectorShuffle<Float> swap) {
    return a.blend(b, upper).add(b.blend(a, upper).rearrange(swap));
  }

  /// The largest lane. The same in every order, but for the sign of a zero.
  public static float max(FloatVector x) {
    FloatVector m = x;
    if (LANES > 8) {
      m = m.max(m.rearrange(SWAP8));
    }
    if (LANES > 4) {
      m = m.max(m.rearrange(SWAP4));
    }
    m = m.max(m.rearrange(SWAP2));
    return m.max(m.rearrange(SWAP1)).lane(0);
  }
}
