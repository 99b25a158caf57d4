// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

/// Where text may be cut.
final class Utf8 {
  private Utf8() {}

  /// The best place to cut in (length / 2, length]: after the last newline that a letter or digit
  /// follows, else before the last space between two letters. There the pre-tokenizers in use cut
  /// anyway, so that a document's tokens do not depend on the cut. Else (a word longer than half a
  /// piece) before the last character that begins there.
  static int cut(byte[] bytes, int length) {
    for (int i = length - 1; i > length / 2; i--) {
      if (bytes[i - 1] == '\n' && isLetterOrDigit(bytes[i])) {
        return i;
      }
    }
    for (int i = length - 2; i > length / 2; i--) {
      if (bytes[i] == ' ' && isLetter(bytes[i - 1]) && isLetter(bytes[i + 1])) {
        return i;
      }
    }
    for (int i = length - 1; i > Math.max(length / 2, length - 4); i--) {
      if ((bytes[i] & 0xc0) != 0x80) {
        return i;
      }
    }
    return length;
  }

  private static boolean isLetterOrDigit(byte b) {
    return isLetter(b) || b >= '0' && b <= '9';
  }

  private static boolean isLetter(byte b) {
    return b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z';
  }
}
