// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/// A text in pieces that a tokenizer encodes one by one with the ids of the whole: memory does not
/// depend on the text's length. Closing closes what it reads from.
///
/// The one exception: a stretch of more than [#LONGEST] bytes without a place to cut is cut before
/// a character.
public final class TextPieces implements AutoCloseable {
  /// Bytes of a piece, at least, unless the text ends.
  public static final int PIECE = 1 << 14;

  /// Bytes that stay together however few places there are.
  public static final int LONGEST = 4 << 20;

  /// So long is a piece that ends at no line.
  private static final int LONG_LINE = 1 << 20;

  private final InputStream in;
  private final TextCuts cuts;
  private byte[] before;
  private byte[] pending = new byte[0];
  private boolean ended;

  /// @param before the last character before the piece; empty at the text's beginning
  public record Piece(byte[] before, byte[] text) {
    /// The last character of a text that is cut at its end.
    ///
    /// @param before what stands before `text`
    public static byte[] lastCharacter(byte[] before, byte[] text) {
      if (text.length == 0) {
        return before;
      }
      int from = text.length - 1;
      while (from > 0 && text.length - from < 4 && (text[from] & 0xc0) == 0x80) {
        from--;
      }
      return Arrays.copyOfRange(text, from, text.length);
    }
  }

  /// @param in the text from here on; closed with this
  /// @param before the last character before `in`; empty at the text's beginning
  public TextPieces(InputStream in, TextCuts cuts, byte[] before) {
    this.in = in;
    this.cuts = cuts;
    this.before = before;
  }

  /// The next piece; null after the last one. An empty text is one piece of no bytes.
  public @Nullable Piece next() throws IOException {
    if (ended) {
      return null;
    }
    while (true) {
      int wanted = pending.length < LONG_LINE ? PIECE : pending.length;
      byte[] read = in.readNBytes(wanted);
      byte[] text = Arrays.copyOf(pending, pending.length + read.length);
      System.arraycopy(read, 0, text, pending.length, read.length);
      ended = read.length < wanted;
      int cut = ended ? text.length : boundary(text);
      pending = Arrays.copyOfRange(text, cut, text.length);
      if (cut > 0 || ended) {
        Piece piece = new Piece(before, cut == text.length ? text : Arrays.copyOf(text, cut));
        before = Piece.lastCharacter(before, piece.text);
        return piece;
      }
      // Not one place to cut in all of it: read on.
    }
  }

  /// Whether the last piece has been given.
  public boolean ended() {
    return ended;
  }

  private int boundary(byte[] text) {
    if (cuts.preference() == TextCuts.Preference.ANYWHERE) {
      return text.length;
    }
    if (cuts.preference() == TextCuts.Preference.LINE) {
      for (int i = text.length - 1; i > 0; i--) {
        if (text[i - 1] == '\n' && text[i] > ' ' && cuts.at(text, text.length, i)) {
          return i;
        }
      }
      if (text.length < LONG_LINE) {
        return 0;
      }
    }
    int last = cuts.last(text, text.length, 0);
    if (last > 0 || text.length < LONGEST) {
      return last;
    }
    return beforeCharacter(text, text.length);
  }

  /// Where the last character of a text begins; its end where it has no beginnings of characters.
  public static int beforeCharacter(byte[] text, int length) {
    int cut = length;
    while (cut > 1 && (text[cut - 1] & 0xc0) == 0x80) {
      cut--;
    }
    // Nothing but the middles of characters: no text, cut anywhere.
    return cut > 1 ? cut - 1 : length;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
