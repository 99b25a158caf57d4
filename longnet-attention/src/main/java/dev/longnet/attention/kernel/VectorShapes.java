// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import jdk.incubator.vector.FloatVector;

/// The register widths of this machine. This is the only hand-written class that touches the Vector
/// API.
final class VectorShapes {
  private VectorShapes() {}

  /// The widest of 128, 256 and 512 bits that the hardware has.
  static int preferredBits() {
    // Native access is refused here, before any work, or never.
    MemorySegment all = OffHeap.ALL;
    return Math.clamp(
        FloatVector.SPECIES_PREFERRED.vectorBitSize(), 128, all.isNative() ? 512 : 128);
  }

  static VectorLoops loops(int bits) {
    return switch (bits) {
      case 128 -> new VectorLoops128();
      case 256 -> new VectorLoops256();
      case 512 -> new VectorLoops512();
      default ->
          throw new IllegalArgumentException(
              "vectorBits must be 128, 256 or 512: vectorBits=" + bits);
    };
  }
}
