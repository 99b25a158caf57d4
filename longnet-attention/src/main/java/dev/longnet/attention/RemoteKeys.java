// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Positions;
import dev.longnet.attention.pattern.RemoteRows;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.ShardPlan;
import java.lang.foreign.MemorySegment;
import java.util.List;

/// One row for every key row that remote folds want: K and V as they were received, or dK and dV.
/// The rows of each run lie side by side, so that a fold sees one arithmetic progression in memory
/// as it does in positions.
///
/// @param runs how the rows of a sequence lie
/// @param keys [B, rows, D]
/// @param values [B, rows, D]
record RemoteKeys(
    Runs runs, ElementType type, int headSize, MemorySegment keys, MemorySegment values) {

  /// Where a head's runs begin among the rows of a sequence.
  static final class Runs {
    private final ShardPlan plan;
    private final long[][] starts;
    private final long rows;

    Runs(ShardPlan plan) {
      this.plan = plan;
      this.starts = new long[plan.heads()][];
      long at = 0;
      for (int head = 0; head < starts.length; head++) {
        List<RemoteRows> runs = plan.rows(head);
        starts[head] = new long[runs.size()];
        for (int run = 0; run < runs.size(); run++) {
          starts[head][run] = at;
          at += runs.get(run).keys().count();
        }
      }
      this.rows = at;
    }

    /// Rows of one sequence.
    long rows() {
      return rows;
    }

    /// The number of a run's first row in a buffer.
    long row(long sequence, int head, int run) {
      return sequence * rows + starts[head][run];
    }
  }

  HeadRows keys(long sequence, int head, int run, Rows some) {
    return rows(keys, sequence, head, run, some);
  }

  HeadRows values(long sequence, int head, int run, Rows some) {
    return rows(values, sequence, head, run, some);
  }

  /// @param some of the run's rows
  private HeadRows rows(MemorySegment data, long sequence, int head, int run, Rows some) {
    Rows all = runs.plan.rows(head).get(run).keys();
    long row = runs.row(sequence, head, run) + all.countBefore(some.first());
    return new HeadRows(data, type, row * headSize, headSize, headSize, some);
  }

  /// Takes one head's rows of a sequence out of what was received. Rows that are neighbours on both
  /// sides go together.
  void gather(MemorySegment received, ExchangeLayout layout, long batch, long sequence, int head) {
    List<RemoteRows> ofHead = runs.plan.rows(head);
    for (int run = 0; run < ofHead.size(); run++) {
      long to = runs.row(sequence, head, run);
      RemoteRows rows = ofHead.get(run);
      int count = (int) rows.keys().count();
      int from = 0;
      // Slots of one shard after another.
      int slot = 0;
      for (int shard = 0; from < count; shard++) {
        Positions ofShard = runs.plan.received(shard, head);
        while (from < count && rows.slot(from) < slot + ofShard.count()) {
          int end = from + 1;
          while (end < count
              && rows.slot(end) == rows.slot(end - 1) + 1
              && rows.slot(end) < slot + ofShard.count()) {
            end++;
          }
          int first = rows.slot(from) - slot;
          long keyRow = layout.row(batch, shard, false, sequence, head) + first;
          long valueRow = layout.row(batch, shard, true, sequence, head) + first;
          copy(received, keyRow, keys, to + from, end - from);
          copy(received, valueRow, values, to + from, end - from);
          from = end;
        }
        slot += ofShard.count();
      }
    }
  }

  private void copy(MemorySegment from, long fromRow, MemorySegment to, long toRow, int rows) {
    long bytes = (long) headSize * type.bytes();
    MemorySegment.copy(from, fromRow * bytes, to, toRow * bytes, rows * bytes);
  }
}
