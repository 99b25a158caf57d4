// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.NATIVE;
import static dev.longnet.lm.loops.Lanes.LANES;

import jdk.incubator.vector.FloatVector;

/// Sums over rows, in two steps: groups of rows first, then the groups. One long sum of a thousand
/// rows would round a thousand times at its own size.
///
/// @param group sums of the rows since the last [#rowDone]; loops add to it
/// @param total sums of the groups before
record ColumnSums(long group, long total, int width) {
  private static final int GROUP_ROWS = 32;

  /// Sums of nothing, in two slots from `slot` on.
  static ColumnSums of(RowScratch scratch, int slot, int width) {
    long bytes = Lanes.bytes(width);
    clear(scratch.slot(slot), bytes);
    clear(scratch.slot(slot + 1), bytes);
    return new ColumnSums(scratch.slot(slot), scratch.slot(slot + 1), width);
  }

  /// To be called after each row.
  void rowDone(int t) {
    if (t % GROUP_ROWS == GROUP_ROWS - 1) {
      long bytes = Lanes.bytes(width);
      add(group, total, bytes);
      clear(group, bytes);
    }
  }

  /// Adds the sums to a vector.
  void addTo(long vector) {
    add(group, total, Lanes.bytes(width));
    int whole = width / LANES * LANES;
    add(total, vector, 4L * whole);
    for (int i = whole; i < width; i++) {
      Elements.store(vector, i, Elements.load(vector, i) + Elements.load(total, i));
    }
  }

  /// y += x
  static void add(long x, long y, long bytes) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector.fromMemorySegment(Lanes.F, ALL, y + i, NATIVE)
          .add(FloatVector.fromMemorySegment(Lanes.F, ALL, x + i, NATIVE))
          .intoMemorySegment(ALL, y + i, NATIVE);
    }
  }

  private static void clear(long x, long bytes) {
    long step = Lanes.step();
    for (long i = 0; i < bytes; i += step) {
      FloatVector.zero(Lanes.F).intoMemorySegment(ALL, x + i, NATIVE);
    }
  }
}
