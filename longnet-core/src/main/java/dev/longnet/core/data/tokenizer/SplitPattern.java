// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import java.util.Optional;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;

/// What a pre-tokenizer's regular expression does at a single blank (a space or a newline) that
/// stands between two other characters, found from the expression alone.
///
/// The proof: a match is a path through the expression. Where no path takes a letter and later a
/// blank, no match spans the place between a letter and the blank after it, in any text. Whatever
/// looks further than a match (anchors, lookbehinds, most lookaheads) is not understood, and then
/// nothing is said.
final class SplitPattern {
  /// What the matches of a part of the expression can hold.
  ///
  /// @param letter a letter or a number
  /// @param other anything that is not white space, letters too
  /// @param lettersFirst a letter and, later, the blank
  /// @param othersFirst the same of anything that is not white space
  /// @param alone matches a run of blanks whatever stands around it
  private record Part(
      boolean letter,
      boolean other,
      boolean blank,
      boolean lettersFirst,
      boolean othersFirst,
      boolean alone) {
    static final Part EMPTY = new Part(false, false, false, false, false, false);

    Part then(Part next) {
      return new Part(
          letter || next.letter,
          other || next.other,
          blank || next.blank,
          lettersFirst || next.lettersFirst || letter && next.blank,
          othersFirst || next.othersFirst || other && next.blank,
          false);
    }

    Part or(Part way) {
      return new Part(
          letter || way.letter,
          other || way.other,
          blank || way.blank,
          lettersFirst || way.lettersFirst,
          othersFirst || way.othersFirst,
          alone || way.alone);
    }

    Part once(boolean always) {
      return new Part(letter, other, blank, lettersFirst, othersFirst, alone && always);
    }
  }

  private static final class NotUnderstood extends RuntimeException {
    private static final long serialVersionUID = 1;
  }

  private final String pattern;
  private final String blank;
  private int at;

  private SplitPattern(String pattern, char blank) {
    this.pattern = pattern;
    this.blank = String.valueOf(blank);
  }

  /// Whether no match spans the place between a letter (or any other character) and a blank after
  /// it, and a match begins at the blank.
  ///
  /// @param letters whether only letters and numbers stand before the blank
  static boolean splits(String pattern, char blank, boolean letters) {
    return analyse(pattern, blank)
        .filter(p -> p.alone && !(letters ? p.lettersFirst : p.othersFirst))
        .isPresent();
  }

  /// Whether no match holds a blank.
  static boolean leaves(String pattern, char blank) {
    return analyse(pattern, blank).filter(p -> !p.blank).isPresent();
  }

  private static Optional<Part> analyse(String pattern, char blank) {
    try {
      SplitPattern parser = new SplitPattern(pattern, blank);
      Part all = parser.alternatives();
      return parser.at == pattern.length() ? Optional.of(all) : Optional.empty();
    } catch (NotUnderstood | IndexOutOfBoundsException e) {
      return Optional.empty();
    }
  }

  private Part alternatives() {
    Part all = sequence();
    while (at < pattern.length() && pattern.charAt(at) == '|') {
      at++;
      all = all.or(sequence());
    }
    return all;
  }

  private Part sequence() {
    Part all = Part.EMPTY;
    int parts = 0;
    while (at < pattern.length() && pattern.charAt(at) != '|' && pattern.charAt(at) != ')') {
      Part part = quantified(one());
      all = parts++ == 0 ? part : all.then(part);
    }
    return all;
  }

  private Part one() {
    char c = pattern.charAt(at);
    if (c == '(') {
      return group();
    }
    int from = at;
    switch (c) {
      case '[' -> at = classEnd(at);
      case '\\' -> escape();
      case '^', '$', '*', '+', '?', '{' -> throw new NotUnderstood();
      default -> at += Character.charCount(pattern.codePointAt(at));
    }
    return matches(pattern.substring(from, at));
  }

  private Part group() {
    if (pattern.startsWith("(?!", at)) {
      return lookahead();
    }
    int colon = pattern.indexOf(':', at);
    if (pattern.startsWith("(?", at)) {
      if (colon < 0 || !pattern.substring(at + 2, colon).matches("[ims]*")) {
        throw new NotUnderstood();
      }
      at = colon;
    }
    at++;
    Part inside = alternatives();
    if (pattern.charAt(at++) != ')') {
      throw new NotUnderstood();
    }
    return inside;
  }

  /// That no such character follows is true before a blank and at the text's end alike, where the
  /// blank is no such character.
  private Part lookahead() {
    at += 3;
    Part ahead = one();
    if (pattern.charAt(at++) != ')' || ahead.blank) {
      throw new NotUnderstood();
    }
    return Part.EMPTY;
  }

  private Part quantified(Part part) {
    if (at == pattern.length()) {
      return part;
    }
    boolean always = true;
    boolean repeats = false;
    switch (pattern.charAt(at)) {
      case '?' -> always = false;
      case '*' -> {
        always = false;
        repeats = true;
      }
      case '+' -> repeats = true;
      case '{' -> {
        at = pattern.indexOf('}', at);
        always = false;
        repeats = true;
      }
      default -> {
        return part;
      }
    }
    at++;
    if (at < pattern.length() && (pattern.charAt(at) == '+' || pattern.charAt(at) == '?')) {
      at++;
    }
    return (repeats ? part.then(part).or(part) : part).once(always);
  }

  private void escape() {
    char c = pattern.charAt(at + 1);
    if (c == 'p' || c == 'P') {
      at = pattern.charAt(at + 2) == '{' ? pattern.indexOf('}', at) + 1 : at + 3;
    } else if ("dDwWsSnrtf".indexOf(c) >= 0 || !Character.isLetterOrDigit(c)) {
      at += 2;
    } else {
      throw new NotUnderstood();
    }
  }

  private int classEnd(int from) {
    int depth = 0;
    for (int i = from; ; i++) {
      switch (pattern.charAt(i)) {
        case '\\' -> i++;
        case '[' -> depth++;
        case ']' -> {
          if (--depth == 0) {
            return i + 1;
          }
        }
        default -> {}
      }
    }
  }

  private Part matches(String one) {
    Predicate<String> matches;
    try {
      int flags = Pattern.UNICODE_CHARACTER_CLASS | Pattern.DOTALL;
      int anyCase = flags | Pattern.CASE_INSENSITIVE | Pattern.UNICODE_CASE;
      matches =
          Pattern.compile(one, flags)
              .asMatchPredicate()
              .or(Pattern.compile(one, anyCase).asMatchPredicate());
    } catch (PatternSyntaxException e) {
      return new Part(true, true, true, false, false, false);
    }
    boolean letter = false;
    boolean other = false;
    for (char c = 0; c < Character.MIN_SURROGATE && !letter; c++) {
      boolean isLetter = isLetter(c);
      if ((isLetter || !other) && !isSpace(c) && matches.test(String.valueOf(c))) {
        letter = isLetter;
        other = true;
      }
    }
    boolean blanks = matches.test(blank);
    return new Part(letter, other, blanks, false, false, blanks);
  }

  static boolean isLetter(int c) {
    return Character.isLetter(c)
        || Character.getType(c) == Character.DECIMAL_DIGIT_NUMBER
        || Character.getType(c) == Character.LETTER_NUMBER
        || Character.getType(c) == Character.OTHER_NUMBER;
  }

  static boolean isSpace(int c) {
    return Character.isWhitespace(c) || Character.isSpaceChar(c) || c == 0x85;
  }
}
