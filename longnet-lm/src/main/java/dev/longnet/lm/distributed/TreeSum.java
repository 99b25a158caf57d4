// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;

import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorSpecies;

/// Sums over ranks as balanced binary trees: neighbours first, then pairs of neighbours, and so on.
/// Where a process holds a power of two of neighbouring ranks, its own sum is a subtree, so that
/// the sum over processes has the same bits.
final class TreeSum {
  private static final VectorSpecies<Float> SPECIES = FloatVector.SPECIES_PREFERRED;

  private TreeSum() {}

  /// Adds float32 vectors of equal size into the first; the others keep sums of subtrees.
  static void of(MemorySegment[] parts) {
    for (int step = 1; step < parts.length; step *= 2) {
      for (int i = 0; i + step < parts.length; i += 2 * step) {
        add(parts[i], parts[i + step]);
      }
    }
  }

  static double of(double[] parts) {
    double[] sums = parts.clone();
    for (int step = 1; step < sums.length; step *= 2) {
      for (int i = 0; i + step < sums.length; i += 2 * step) {
        sums[i] += sums[i + step];
      }
    }
    return sums[0];
  }

  /// y += x
  private static void add(MemorySegment y, MemorySegment x) {
    long bytes = y.byteSize();
    if (x.byteSize() != bytes || bytes % 4 != 0) {
      throw new IllegalArgumentException(bytes + " and " + x.byteSize() + " bytes cannot be added");
    }
    long to = y.address();
    long from = x.address();
    long whole = bytes - bytes % SPECIES.vectorByteSize();
    for (long i = 0; i < whole; i += SPECIES.vectorByteSize()) {
      FloatVector.fromMemorySegment(SPECIES, ALL, to + i, NATIVE)
          .add(FloatVector.fromMemorySegment(SPECIES, ALL, from + i, NATIVE))
          .intoMemorySegment(ALL, to + i, NATIVE);
    }
    for (long i = whole; i < bytes; i += 4) {
      ALL.set(FLOAT, to + i, ALL.get(FLOAT, to + i) + ALL.get(FLOAT, from + i));
    }
    Reference.reachabilityFence(x);
    Reference.reachabilityFence(y);
  }
}
