// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.Tokenizer;
import java.io.IOException;
import java.io.InputStream;

/// One document's tokens, read in pieces: memory does not depend on its length. Closing closes what
/// it reads from.
public final class DocumentTokens implements AutoCloseable {
  /// Bytes of a piece, at least, unless the document ends.
  static final int PIECE = TextPieces.PIECE;

  /// A byte that is no text: nothing before it has to do with what follows.
  private static final byte[] NO_TEXT = {(byte) 0xff};

  private final Tokenizer tokenizer;
  private final TextPieces pieces;
  private TextPieces.Piece last = new TextPieces.Piece(new byte[0], new byte[0]);
  private long bytes;

  /// @param in closed with this
  public DocumentTokens(InputStream in, Tokenizer tokenizer) {
    this(in, tokenizer, new byte[0]);
  }

  /// Text that follows on another, of which nothing is known.
  ///
  /// @param in closed with this
  public static DocumentTokens continuing(InputStream in, Tokenizer tokenizer) {
    return new DocumentTokens(in, tokenizer, NO_TEXT);
  }

  /// @param in a document from some place on
  /// @param before the last character before it; empty at the document's beginning
  DocumentTokens(InputStream in, Tokenizer tokenizer, byte[] before) {
    this.tokenizer = tokenizer;
    this.pieces = new TextPieces(in, tokenizer.cuts(), before);
  }

  /// The next piece; empty where nothing is left, and [#ended()] says so.
  public int[] next() throws IOException {
    TextPieces.Piece piece = pieces.next();
    if (piece == null) {
      return new int[0];
    }
    last = piece;
    bytes += piece.text().length;
    return tokenizer.encode(piece.before(), piece.text());
  }

  /// What the ids of [#next()] stand for.
  TextPieces.Piece piece() {
    return last;
  }

  /// Whether the last piece has been given.
  public boolean ended() {
    return pieces.ended();
  }

  /// Of all pieces given so far.
  public long bytes() {
    return bytes;
  }

  @Override
  public void close() throws IOException {
    pieces.close();
  }
}
