// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.List;

/// B sequences, what is held of each, and the chunks their token-wise work runs in.
record Shape(long batch, Span span, List<Chunk> chunks) {

  static Shape of(long batch, Span span, int chunk) {
    return new Shape(batch, span, Chunk.split(batch, span.tokens(), chunk));
  }

  /// n: tokens held of each sequence.
  long tokens() {
    return span.tokens();
  }

  /// B n
  long rows() {
    return batch * span.tokens();
  }

  /// Position in its window of a chunk's first token.
  long position(Chunk chunk) {
    return span.first() + chunk.first();
  }
}
