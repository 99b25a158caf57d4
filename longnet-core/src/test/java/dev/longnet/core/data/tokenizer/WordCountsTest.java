// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class WordCountsTest {
  /// Few words can take much memory, too: base64 and minified code have long ones that occur once.
  @Test
  void longWordsThatOccurOnceAreForgotten() {
    WordCounts words = new WordCounts();
    words.add("often often often ".getBytes(StandardCharsets.UTF_8));
    String rest = "x".repeat(240);
    for (int i = 0; i < 70_000; i++) {
      StringBuilder word = new StringBuilder(rest);
      for (int digits = i + 1; digits > 0; digits /= 26) {
        word.append((char) ('a' + digits % 26));
      }
      words.add(word.toString().getBytes(StandardCharsets.UTF_8));
    }
    assertThat(words.forgotten()).isGreaterThan(30_000);
    assertThat(words.counts().keySet().stream().mapToLong(String::length).sum())
        .isBetween(8_000_000L, 16_777_216L);
    assertThat(words.counts().get(" often")[0]).isEqualTo(2);
  }

  /// DNA without line ends is one word, as is a page of a script without spaces.
  @Test
  void wordsWithoutAnEndAreCountedInParts() {
    String text = "ACGTTG".repeat(100) + "\uD840\uDC00".repeat(300);
    WordCounts words = new WordCounts();
    words.add(text.getBytes(StandardCharsets.UTF_8));
    assertThat(words.counts().keySet())
        .allSatisfy(part -> {
          assertThat(part.length()).isLessThanOrEqualTo(256);
          assertThat(part.getBytes(StandardCharsets.UTF_8)).doesNotContain((byte) '?');
        });
    long characters =
        words.counts().entrySet().stream()
            .mapToLong(word -> word.getKey().length() * word.getValue()[0])
            .sum();
    assertThat(characters).isEqualTo(text.length());
  }
}
