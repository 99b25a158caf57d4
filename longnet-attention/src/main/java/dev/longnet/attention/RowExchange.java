// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.MemorySegment;

/// Carries bytes between the shards of a sequence: what attention needs of the ranks that hold the
/// other shards. All shards call it, in the same order.
@FunctionalInterface
public interface RowExchange {
  /// Sends every shard its part of `send`, and receives this shard's part of every other's. Parts
  /// lie one after another in the order of shards. What shard i sends to shard j has the size that
  /// j expects of i; 0 is a size. A shard's part for itself travels like the others.
  ///
  /// @param send must not change before [Pending#await()] returns
  /// @param sendBytes bytes for each shard
  /// @param receive overwritten; must not be touched before [Pending#await()] returns
  /// @param receiveBytes bytes of each shard
  Pending start(MemorySegment send, long[] sendBytes, MemorySegment receive, long[] receiveBytes);

  /// An exchange under way.
  interface Pending {
    /// Waits until everything is sent and received. A second call does nothing.
    void await();
  }
}
