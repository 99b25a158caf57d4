// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;

/// Lays bfloat16 rows out as the right-hand matrices of [BfloatProducts], for sums over rows. These
/// are panels of columns, which hold the elements of two rows in turns.
final class Operands {
  private final VectorLoops loops;
  private final int headSize;
  private final MemorySegment rest;

  Operands(Scratch scratch) {
    this.loops = scratch.loops;
    this.headSize = scratch.headSize;
    this.rest = scratch.allocate((long) loops.lanes * headSize);
  }

  /// Pairs rows as [VectorLoops#bfloatWeights] orders keys: of every 2 `lanes` rows, it pairs row i
  /// with row i + `lanes`.
  ///
  /// @param rows `count` rows of bfloat16, one after another
  /// @param padded how many rows there shall be, the last ones 0: a multiple of 2 `lanes`
  /// @param room how many rows each panel of columns has room for
  void pairs(long rows, int count, int padded, int room, long to) {
    int lanes = loops.lanes;
    long bytes = headSize * 2L;
    for (int at = 0; at < padded; at += 2 * lanes) {
      long group = rows + at * bytes;
      if (count < at + 2 * lanes) {
        int left = Math.max(0, count - at);
        loops.copy(group, bytes, left, headSize / 2, rest.address(), bytes);
        rest.asSlice(left * bytes).fill((byte) 0);
        group = rest.address();
      }
      for (int d = 0; d < headSize; d += loops.panelKeys) {
        int width = Math.min(loops.panelKeys, headSize - d);
        loops.pairs(
            group + d * 2L,
            group + lanes * bytes + d * 2L,
            bytes,
            lanes,
            width / 2,
            to + ((long) d * room + (long) at * width) * 2,
            width * 4L);
      }
    }
  }
}
