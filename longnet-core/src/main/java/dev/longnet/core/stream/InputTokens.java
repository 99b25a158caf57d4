// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/// Tokens of an input, and the text that they stand for.
///
/// @param ids of all parts
/// @param parts in order
record InputTokens(int[] ids, List<Part> parts) {
  static final InputTokens NONE = new InputTokens(new int[0], List.of());

  /// Some of a document.
  ///
  /// @param ids its tokens, an end-of-text token at the end or alone
  record Part(int ids, TextPieces.Piece piece) {}

  static InputTokens join(List<InputTokens> pieces) {
    int[] ids = new int[pieces.stream().mapToInt(piece -> piece.ids.length).sum()];
    List<Part> parts = new ArrayList<>();
    int at = 0;
    for (InputTokens piece : pieces) {
      System.arraycopy(piece.ids, 0, ids, at, piece.ids.length);
      at += piece.ids.length;
      parts.addAll(piece.parts);
    }
    return new InputTokens(ids, parts);
  }

  InputTokens plus(InputTokens more) {
    return join(List.of(this, more));
  }

  /// Bytes that the tokens from `index` on stand for.
  long bytesFrom(int index, Tokenizer tokenizer) {
    long bytes = 0;
    int first = 0;
    for (Part part : parts) {
      int skipped = Math.clamp((long) index - first, 0, part.ids);
      first += part.ids;
      int[] counts = {};
      if (skipped > 0 && skipped < part.ids) {
        counts = tokenizer.byteCounts(part.piece.before(), part.piece.text());
      }
      bytes +=
          skipped == part.ids
              ? 0
              : part.piece.text().length - IntStream.of(counts).limit(skipped).sum();
    }
    return bytes;
  }
}
