// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.util.function.Consumer;

/// Bounds what one word can cost. jtokkit keeps about 95 bytes of heap for every byte of a word of
/// 500 bytes and more, and a word may be as long as its text: DNA without newlines is one.
///
/// Words of more than [#LONGEST] characters are cut every so many. All others, those beside a cut
/// word too, are left whole.
final class LongWords {
  /// At most 20 MB of heap for a word of three bytes a character; no word of any language comes
  /// near it.
  static final int LONGEST = 1 << 16;

  private LongWords() {}

  /// Hands out a text in parts, in order: the text itself unless it has a word that is too long.
  static void cut(String text, Consumer<String> parts) {
    cut(text, LONGEST, parts);
  }

  static void cut(String text, int longest, Consumer<String> parts) {
    int done = 0;
    // A longer word covers one of these places: no other part of the text is looked at.
    for (int at = longest; at < text.length(); at += longest) {
      int from = at;
      while (from > done && !endsBefore(text, from)) {
        from--;
      }
      int to = at + 1;
      while (to < text.length() && !endsBefore(text, to)) {
        to++;
      }
      if (to - from <= longest) {
        continue;
      }
      give(text, done, from, parts);
      for (int start = from; start < to; ) {
        int end = Math.min(start + longest, to);
        if (end < to && Character.isSurrogatePair(text.charAt(end - 1), text.charAt(end))) {
          end--;
        }
        give(text, start, end, parts);
        start = end;
      }
      done = to;
      at = (to - 1) / longest * longest;
    }
    give(text, done, text.length(), parts);
  }

  private static void give(String text, int from, int to, Consumer<String> parts) {
    if (from < to) {
      parts.accept(text.substring(from, to));
    }
  }

  /// Whether no word of cl100k_base or o200k_base goes on from character `i - 1` to character `i`,
  /// whatever stands around the two. A text cut there has the words of the whole, unless spaces end
  /// before a number: they are words of another length where nothing follows.
  static boolean endsBefore(String text, int i) {
    char before = text.charAt(i - 1);
    char after = text.charAt(i);
    if (isNumber(before) || isNumber(after)) {
      // Up to three digits are a word and nothing else is in it.
      return true;
    }
    if (Character.isLetter(before)) {
      // Marks and 's belong to a word in o200k_base; half a surrogate pair may be a letter's.
      return !Character.isLetter(after)
          && !isMark(after)
          && !Character.isSurrogate(after)
          && after != '\'';
    }
    if (after == ' ' || after == '\t') {
      return !isSpace(before);
    }
    // Punctuation takes the newlines behind it along, in o200k_base slashes too.
    return (before == '\n' || before == '\r') && !isSpace(after) && after != '/';
  }

  static boolean isNumber(char c) {
    return switch (Character.getType(c)) {
      case Character.DECIMAL_DIGIT_NUMBER, Character.LETTER_NUMBER, Character.OTHER_NUMBER -> true;
      default -> false;
    };
  }

  private static boolean isMark(char c) {
    return switch (Character.getType(c)) {
      case Character.NON_SPACING_MARK, Character.COMBINING_SPACING_MARK, Character.ENCLOSING_MARK ->
          true;
      default -> false;
    };
  }

  /// All that any of the patterns' `\s` may mean.
  private static boolean isSpace(char c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == '\u0085';
  }
}
