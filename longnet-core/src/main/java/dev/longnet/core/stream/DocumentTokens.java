// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.Tokenizer;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/// One document's tokens, read in pieces: memory does not depend on its length. Closing closes what
/// it reads from.
public final class DocumentTokens implements AutoCloseable {
  /// Bytes of a piece, at least, unless the document ends.
  static final int PIECE = 1 << 14;

  private static final int LONGEST = 1 << 20;

  private final InputStream in;
  private final Tokenizer tokenizer;
  private byte[] pending = new byte[0];
  private long bytes;
  private boolean ended;

  /// @param in closed with this
  public DocumentTokens(InputStream in, Tokenizer tokenizer) {
    this.in = in;
    this.tokenizer = tokenizer;
  }

  /// The next piece; empty where nothing is left, and [#ended()] says so.
  public int[] next() throws IOException {
    while (true) {
      byte[] read = in.readNBytes(PIECE);
      byte[] text = Arrays.copyOf(pending, pending.length + read.length);
      System.arraycopy(read, 0, text, pending.length, read.length);
      ended = read.length < PIECE;
      int cut = ended ? text.length : boundary(text);
      pending = Arrays.copyOfRange(text, cut, text.length);
      if (cut > 0 || ended) {
        bytes += cut;
        return tokenizer.encode(cut == text.length ? text : Arrays.copyOf(text, cut));
      }
      // Not one place to cut in all of it: read on.
    }
  }

  /// Whether the last piece has been given.
  public boolean ended() {
    return ended;
  }

  /// Of all pieces given so far.
  public long bytes() {
    return bytes;
  }

  /// Where text can be cut without changing its tokens: anywhere for bytes; else after the last
  /// line break that something other than white space follows, which no token of the tiktoken
  /// encodings spans. A piece without one is cut before a character once it is a megabyte long.
  private int boundary(byte[] text) {
    if (tokenizer.name().equals("bytes")) {
      return text.length;
    }
    for (int i = text.length - 1; i > 0; i--) {
      if (text[i - 1] == '\n' && text[i] > ' ') {
        return i;
      }
    }
    if (text.length < LONGEST) {
      return 0;
    }
    int cut = text.length;
    while (cut > 1 && (text[cut - 1] & 0xc0) == 0x80) {
      cut--;
    }
    // Nothing but the middles of characters: no text, cut anywhere.
    return cut > 1 ? cut - 1 : text.length;
  }

  @Override
  public void close() throws IOException {
    in.close();
  }
}
