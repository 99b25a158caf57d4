// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import java.util.Arrays;

/// Where the rows of a step go in their caches, and how many rows their queries see there: the same
/// in every layer, as it follows from positions alone.
final class StepRows {
  private final AttentionGeometry geometry;

  /// [rows, caches, H] each.
  private long[] own = new long[0];

  private long[] seen = new long[0];
  private long[] seenFrom = new long[0];

  StepRows(AttentionGeometry geometry) {
    this.geometry = geometry;
  }

  /// Row `row` is the token at `position`.
  ///
  /// @return the most rows of a cache that one of its queries sees
  long place(int row, long position) {
    int end = index(row + 1, 0, 0);
    if (end > own.length) {
      own = Arrays.copyOf(own, end);
      seen = Arrays.copyOf(seen, end);
      seenFrom = Arrays.copyOf(seenFrom, end);
    }
    long most = 0;
    for (int cache = 0; cache < geometry.live.size(); cache++) {
      LiveRows live = geometry.live.get(cache);
      for (int head = 0; head < geometry.heads; head++) {
        int at = index(row, cache, head);
        LiveRows.Step step = live.step(head, position);
        own[at] = step.own();
        seen[at] = step.count();
        seenFrom[at] = step.first();
        most = Math.max(most, seen[at]);
      }
    }
    return most;
  }

  private int index(int row, int cache, int head) {
    return (row * geometry.live.size() + cache) * geometry.heads + head;
  }

  /// Where a head's cache takes the row; -1: nowhere ([LiveRows.Step]).
  long own(int row, int cache, int head) {
    return own[index(row, cache, head)];
  }

  /// How many cached rows its query sees.
  long seen(int row, int cache, int head) {
    return seen[index(row, cache, head)];
  }

  /// The first of them.
  long seenFrom(int row, int cache, int head) {
    return seenFrom[index(row, cache, head)];
  }
}
