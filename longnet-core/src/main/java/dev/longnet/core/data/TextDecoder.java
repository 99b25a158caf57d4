// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

/// Turns ids into text as they come: each id's bytes in its context. A leading space belongs to a
/// SentencePiece token, but not at the text's beginning; a byte token is one byte of a character.
///
/// One text, one thread.
@FunctionalInterface
public interface TextDecoder {
  /// The bytes that this id adds to the text; none for one without text.
  byte[] next(int id);
}
