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
    assertThat(words.forgotten()).isGreaterThan(60_000);
    assertThat(words.distinct()).isLessThan(10_000);
    assertThat(words.counts().get(" often")[0]).isEqualTo(2);
  }
}
