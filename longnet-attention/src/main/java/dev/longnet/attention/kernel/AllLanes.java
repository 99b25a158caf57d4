// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import jdk.incubator.vector.FloatVector;
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

  private AllLanes() {}

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
