// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import dev.longnet.core.data.TextDecoder;
import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.data.Tokenizer;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// How many bytes of text tokens stand for. Of documents whose own bytes are known it is these that
/// are counted: a tokenizer that changes a text does not change its length.
final class TextBytes {
  private static final int PIECE_TOKENS = 8192;

  private final Tokenizer tokenizer;

  /// Of each id, where ids stand for the same bytes everywhere.
  private final int[] bytesOfToken;

  TextBytes(Tokenizer tokenizer) {
    this.tokenizer = tokenizer;
    this.bytesOfToken = new int[tokenizer.vocabularySize()];
    Arrays.fill(bytesOfToken, -1);
  }

  /// Of tokens [from, to).
  long of(TokenStream text, long from, long to) {
    if (tokenizer.lossless()) {
      return inContext(text, from, to, id -> new byte[bytesOf(id)]);
    }
    return text instanceof TokenSplit split
        ? ofDocuments(split, from, to)
        : inContext(text, from, to, tokenizer.newDecoder());
  }

  private long inContext(TokenStream text, long from, long to, TextDecoder decoder) {
    TextDecoder current = decoder;
    long bytes = 0;
    for (long at = from; at < to; at += PIECE_TOKENS) {
      int count = (int) Math.min(PIECE_TOKENS, to - at);
      long[] ids = new long[count];
      text.copy(at, count, MemorySegment.ofArray(ids));
      for (long id : ids) {
        if (id == tokenizer.endOfText()) {
          current = tokenizer.lossless() ? current : tokenizer.newDecoder();
        } else {
          bytes += current.next((int) id).length;
        }
      }
    }
    return bytes;
  }

  private int bytesOf(int id) {
    if (bytesOfToken[id] < 0) {
      bytesOfToken[id] = tokenizer.decode(new int[] {id}).length;
    }
    return bytesOfToken[id];
  }

  private long ofDocuments(TokenSplit split, long from, long to) {
    long bytes = 0;
    for (long index = 0; index < split.documents(); index++) {
      TokenDocument document = split.document(index);
      long first = Math.max(0, from - document.firstToken());
      long last = Math.min(document.tokens(), to - document.firstToken());
      if (document.firstToken() >= to) {
        break;
      }
      if (last > first) {
        bytes += upTo(split, index, last) - upTo(split, index, first);
      }
    }
    return bytes;
  }

  /// Bytes of a document's first tokens.
  long upTo(TokenSplit split, long index, long tokens) {
    TokenDocument document = split.document(index);
    if (tokens == 0 || tokens >= document.tokens()) {
      return tokens == 0 ? 0 : document.bytes();
    }
    for (long enough = 16 * tokens + TextPieces.LONGEST; ; enough *= 2) {
      boolean all = enough >= document.bytes();
      byte[] text = split.text(index, all ? document.bytes() : enough);
      Counted counted = count(text, tokens);
      // The last piece may be cut where the text here ends.
      if (all || counted.whole) {
        return Math.min(counted.bytes, document.bytes());
      }
    }
  }

  /// @param whole whether none of the tokens stands in the last piece
  private record Counted(long bytes, boolean whole) {}

  private Counted count(byte[] text, long tokens) {
    long left = tokens;
    long bytes = 0;
    try (TextPieces pieces =
        new TextPieces(new ByteArrayInputStream(text), tokenizer.cuts(), new byte[0])) {
      for (TextPieces.Piece piece = pieces.next(); piece != null; piece = pieces.next()) {
        int[] counts = tokenizer.byteCounts(piece.before(), piece.text());
        if (counts.length >= left) {
          for (int i = 0; i < left; i++) {
            bytes += counts[i];
          }
          return new Counted(bytes, !pieces.ended());
        }
        left -= counts.length;
        bytes += piece.text().length;
      }
      return new Counted(bytes, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
