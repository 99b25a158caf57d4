// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

/// How often a build commits and reports.
///
/// @param shardBytes text after which a shard is committed: what a kill can cost at most
/// @param reportNanos between two reports of progress
record Pace(long shardBytes, long reportNanos) {
  /// A shard takes a few seconds.
  static final Pace DEFAULT = new Pace(64L << 20, 250_000_000);
}
