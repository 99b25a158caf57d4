// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import dev.longnet.attention.pattern.ShardCounts;
import java.util.stream.IntStream;

/// Memory that a rank needs for rows of other ranks.
final class RankRows {
  private RankRows() {}

  /// Of the layer that needs most, for one window. The last part's is counted: under a causal
  /// pattern it receives most. A part before receives less and sends more, which takes as much.
  ///
  /// @param bytes of an element of keys and values
  static long bytes(ModelConfig model, long window, RankMesh mesh, int bytes) {
    int parts = mesh.sequenceRanks();
    if (parts == 1) {
      return 0;
    }
    return IntStream.range(0, model.layers())
        .mapToObj(model::mixer)
        .distinct()
        .mapToLong(mixer ->
            switch (mixer) {
              case AttentionConfig attention -> {
                ShardCounts counts =
                    new ShardCounts(attention.pattern(model.causal()), window, model.heads());
                long first = mesh.first(window, parts - 1);
                long wanted =
                    counts.loads(first, window).stream().mapToLong(ShardCounts.Load::rows).sum();
                long travel = counts.rows(first, window, 0, window);
                // Keys and values as they came and as branches want them; both in float32 for
                // their gradients.
                yield 2L * model.headSize() * (bytes + 4) * (wanted + travel);
              }
            })
        .max()
        .orElse(0);
  }
}
