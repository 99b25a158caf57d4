// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.function.IntBinaryOperator;

/// Where rows lie in the buffer of an exchange. The shards' parts lie one after another. A part
/// holds first keys, then values; of each, one sequence of the batch after another; of a sequence,
/// one head after another. Nothing lies between two rows.
final class ExchangeLayout {
  /// Rows of one sequence by shard.
  private final long[] rows;

  /// Rows of one sequence before each shard's.
  private final long[] before;

  /// Where a head's rows begin, by shard and head.
  private final long[][] heads;

  /// @param counts how many rows a shard (first argument) and head (second) has in one sequence
  ExchangeLayout(int shards, int heads, IntBinaryOperator counts) {
    this.rows = new long[shards];
    this.before = new long[shards + 1];
    this.heads = new long[shards][heads];
    for (int shard = 0; shard < shards; shard++) {
      for (int head = 0; head < heads; head++) {
        this.heads[shard][head] = rows[shard];
        rows[shard] += counts.applyAsInt(shard, head);
      }
      before[shard + 1] = before[shard] + rows[shard];
    }
  }

  /// Rows of one sequence, of keys or values, of all shards.
  long rows() {
    return before[rows.length];
  }

  /// Bytes of each shard's part.
  ///
  /// @param rowBytes of one row
  long[] bytes(long batch, long rowBytes) {
    long[] bytes = new long[rows.length];
    for (int shard = 0; shard < bytes.length; shard++) {
      bytes[shard] = Math.multiplyExact(2 * batch * rows[shard], rowBytes);
    }
    return bytes;
  }

  /// The number of the first row of a head.
  long row(long batch, int shard, boolean values, long sequence, int head) {
    long sequences = (values ? batch : 0) + sequence;
    return 2 * batch * before[shard] + sequences * rows[shard] + heads[shard][head];
  }
}
