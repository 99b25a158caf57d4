// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import dev.longnet.core.data.TextCuts;

/// Where the words of cl100k_base, o200k_base and their relatives (Llama 3, Qwen 2) end, whatever
/// stands around: see [LongWords#endsBefore]. Before numbers is left out, because spaces before
/// them are words of another length where nothing follows.
final class WordCuts implements TextCuts {
  static final WordCuts INSTANCE = new WordCuts();

  private WordCuts() {}

  @Override
  public boolean at(byte[] utf8, int length, int place) {
    int before = Utf8Runs.before(utf8, place);
    int after = Utf8Runs.at(utf8, length, place);
    if (before < 0 || after < 0) {
      return false;
    }
    char last = Character.isBmpCodePoint(before) ? (char) before : Character.lowSurrogate(before);
    char first = Character.isBmpCodePoint(after) ? (char) after : Character.highSurrogate(after);
    boolean number = LongWords.isNumber(first) && last != '\n';
    return !number && LongWords.endsBefore(String.valueOf(last) + first, 1);
  }

  @Override
  public Preference preference() {
    return Preference.LINE;
  }
}
