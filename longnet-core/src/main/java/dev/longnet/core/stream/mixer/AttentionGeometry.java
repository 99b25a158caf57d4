// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.pattern.StreamablePattern;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import java.util.List;

/// What the layers of one attention share: sizes, which rows stay, rotation, kernel.
final class AttentionGeometry {
  /// C
  final int hidden;

  /// H
  final int heads;

  /// D
  final int headSize;

  /// The first heads, which carry no positions.
  final int nopeHeads;

  /// One for each cache of a memory, and for what shares the cache before it.
  final List<LiveRows> live;

  final Rotation rotation;
  final Kernels kernels;
  final AttentionKernel kernel;
  final Work.Slot<AttentionScratch> scratch;

  AttentionGeometry(
      ModelConfig model,
      AttentionConfig attention,
      StreamablePattern pattern,
      Kernels kernels,
      AttentionKernel kernel) {
    this.hidden = model.hidden();
    this.heads = model.heads();
    this.headSize = model.headSize();
    this.nopeHeads = model.nopeHeads();
    this.live = LiveRows.of(pattern, heads);
    this.rotation = new Rotation(model, attention, pattern.period());
    this.kernels = kernels;
    this.kernel = kernel;
    this.scratch = new Work.Slot<>(work -> new AttentionScratch(this, work));
  }

  /// Rows of a cache that the fullest head uses after `tokens` tokens.
  long mostUsed(LiveRows rows, long tokens) {
    long most = 0;
    for (int head = 0; head < heads; head++) {
      most = Math.max(most, rows.end(head, tokens));
    }
    return most;
  }
}
