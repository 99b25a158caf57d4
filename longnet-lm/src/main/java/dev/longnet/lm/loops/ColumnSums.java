// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

/// Sums over rows, in two steps: groups of rows first, then the groups. One long sum of a thousand
/// rows would round a thousand times at its own size.
///
/// @param group sums of the rows since the last [#rowDone]; loops add to it
/// @param total sums of the groups before
record ColumnSums(long group, long total, int width) {
  static final int GROUP_ROWS = 32;

  /// Sums of nothing, in two slots from `slot` on.
  static ColumnSums of(RowScratch scratch, int slot, int width) {
    long bytes = Lanes.bytes(width);
    MoveLoops.clear(scratch.slot(slot), bytes);
    MoveLoops.clear(scratch.slot(slot + 1), bytes);
    return new ColumnSums(scratch.slot(slot), scratch.slot(slot + 1), width);
  }

  /// Adds a row of whole pairs of registers.
  void add(long row) {
    MoveLoops.add(row, group, Lanes.bytes(width));
  }

  /// To be called after each row.
  void rowDone(int t) {
    if (t % GROUP_ROWS == GROUP_ROWS - 1) {
      long bytes = Lanes.bytes(width);
      MoveLoops.add(group, total, bytes);
      MoveLoops.clear(group, bytes);
    }
  }

  /// Adds the sums to a vector.
  void addTo(long vector) {
    MoveLoops.add(group, total, Lanes.bytes(width));
    RowMoves.increase(vector, total, width);
  }
}
