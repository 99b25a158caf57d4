// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.TextCuts;

/// Where large documents are cut.
final class Utf8 {
  private Utf8() {}

  /// The best place of all that a tokenizer allows ([TextCuts]), in (length / 2, length] if there
  /// is one: after the last newline that a letter or digit follows, else before the last space
  /// between two letters, else the last of any; where any place will do, before a character. 0
  /// where there is no place at all.
  static int cut(byte[] bytes, int length, TextCuts cuts) {
    for (int i = length - 1; i > length / 2; i--) {
      if (bytes[i - 1] == '\n' && isLetterOrDigit(bytes[i]) && cuts.at(bytes, length, i)) {
        return i;
      }
    }
    for (int i = length - 2; i > length / 2; i--) {
      if (bytes[i] == ' '
          && isLetter(bytes[i - 1])
          && isLetter(bytes[i + 1])
          && cuts.at(bytes, length, i)) {
        return i;
      }
    }
    if (cuts.preference() != TextCuts.Preference.ANYWHERE) {
      return cuts.last(bytes, length, 0);
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
