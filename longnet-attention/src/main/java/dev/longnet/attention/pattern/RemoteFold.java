// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// The part of a fold whose queries lie in a shard and whose keys in others.
///
/// @param branch of the pattern
/// @param fold at positions of the sequence; its keys are all those of the remote rows
/// @param rows number of the head's remote rows, see [ShardPlan#rows]
public record RemoteFold(int branch, Fold fold, int rows) {}
