// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.Arrays;

/// A sequence cut into shards of neighbouring positions: shard i holds positions `[first(i),
/// end(i))`. Shards may have different lengths, and some may be empty.
public final class Shards {
  private final long[] boundaries;

  private Shards(long[] boundaries) {
    this.boundaries = boundaries;
  }

  /// @param boundaries the first position of every shard, then the sequence's length; they begin
  ///   with 0 and never fall
  public static Shards of(long... boundaries) {
    if (boundaries.length < 2 || boundaries[0] != 0) {
      throw new IllegalArgumentException(
          "boundaries must begin with 0 and end with the number of tokens: boundaries="
              + Arrays.toString(boundaries));
    }
    for (int i = 1; i < boundaries.length; i++) {
      if (boundaries[i] < boundaries[i - 1]) {
        throw new IllegalArgumentException(
            "boundaries must never fall: boundaries=" + Arrays.toString(boundaries));
      }
    }
    return new Shards(boundaries.clone());
  }

  /// The number of shards.
  public int count() {
    return boundaries.length - 1;
  }

  /// The length of the sequence.
  public long tokens() {
    return boundaries[count()];
  }

  /// The first position of a shard.
  public long first(int shard) {
    return boundaries[shard];
  }

  /// The position behind a shard.
  public long end(int shard) {
    return boundaries[shard + 1];
  }

  /// The number of positions in a shard.
  public long length(int shard) {
    return end(shard) - first(shard);
  }

  @Override
  public String toString() {
    return Arrays.toString(boundaries);
  }
}
