// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.MemorySegment;
import java.util.Locale;

/// What a rank brings to an exchange.
///
/// @param send its part for each rank
/// @param receive memory for each rank's part
record Letters(MemorySegment[] send, MemorySegment[] receive) {
  /// Whether neighbouring ranks of one process expect what they send one another.
  ///
  /// @param here their letters
  /// @param firstRank the number of the first of them
  static void check(Letters[] here, int firstRank) {
    for (int from = 0; from < here.length; from++) {
      for (int to = 0; to < here.length; to++) {
        requireSame(
            firstRank + from,
            here[from].send[firstRank + to].byteSize(),
            firstRank + to,
            here[to].receive[firstRank + from].byteSize());
      }
    }
  }

  static void requireSame(int from, long sent, int to, long expected) {
    if (sent != expected) {
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "rank %d sends %d bytes to rank %d, which expects %d",
              from,
              sent,
              to,
              expected));
    }
  }
}
