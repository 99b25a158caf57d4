// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.RowExchange;
import dev.longnet.core.config.RankMesh;
import java.util.Locale;

/// The parts in which every window lies on the ranks of one sequence: neighbouring, in the order of
/// the ranks, as equal as whole tokens allow. Of a window with fewer tokens than ranks some hold
/// none.
///
/// @param shard this rank's part, from 0
/// @param shards how many parts there are
/// @param exchange carries rows between them
public record SequenceShards(int shard, int shards, RowExchange exchange) {
  public SequenceShards {
    if (shard < 0 || shard >= shards) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "a shard is one of its sequence's: shard=%d, shards=%d", shard, shards));
    }
  }

  /// Whole windows on one rank.
  public static SequenceShards one() {
    return new SequenceShards(
        0,
        1,
        (_, _, _, _) -> {
          throw new IllegalStateException("one rank has nobody to exchange rows with");
        });
  }

  /// Whether a pass over this span is one that all ranks make together, each over its own part.
  public boolean share(Span span) {
    return shards > 1 && span.equals(span(span.window()));
  }

  /// Where each part begins, and behind them the window's end.
  public long[] boundaries(long window) {
    return new RankMesh(shards, shards).boundaries(window);
  }

  /// This rank's part.
  public Span span(long window) {
    long[] boundaries = boundaries(window);
    return new Span(boundaries[shard], boundaries[shard + 1] - boundaries[shard], window);
  }
}
