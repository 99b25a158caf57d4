// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitPatternTest {
  private static final String GPT_2 =
      "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

  @Test
  void patternsOfTheFieldCutBeforeBlanks() {
    assertThat(SplitPattern.splits(GPT_2, ' ', false)).isTrue();
    assertThat(SplitPattern.splits(GPT_2, '\n', false)).isTrue();
    assertThat(SplitPattern.splits(WordCounts.PATTERN, ' ', false)).isTrue();
    assertThat(SplitPattern.splits(WordCounts.PATTERN, '\n', false))
        .as("punctuation takes newlines along")
        .isFalse();
    assertThat(SplitPattern.splits(WordCounts.PATTERN, '\n', true)).isTrue();
    assertThat(SplitPattern.leaves("\\p{N}{1,3}", ' ')).isTrue();
    assertThat(SplitPattern.leaves("[一-龥぀-ゟ゠-ヿ]+", '\n')).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "\\p{L}+ ?|\\s+", // letters take a space along
        ".+",
        "\\p{L}[\\s\\S]*|\\s+",
        "(?:\\p{L}| )+|\\s+",
        " ?\\p{L}+", // what a match does not hold stays together
        "\\p{L}+(?=\\s)|\\s+", // sees what may be cut off
        "(?<=a)\\s+|\\s+",
        "\\p{L}+\\b|\\s+",
        "\\p{L}+$|\\s+",
        "(a)\\1|\\s+",
        "[a-z"
      })
  void whatIsNotProvenIsNotSaid(String pattern) {
    assertThat(SplitPattern.splits(pattern, ' ', true)).isFalse();
  }
}
