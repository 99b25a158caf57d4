// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.data.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LongWordsTest {

  /// Where a text may be cut it has the tokens of the whole.
  @ParameterizedTest
  @ValueSource(strings = {"cl100k_base", "o200k_base"})
  void wordsEndWhereATextIsCut(String name) {
    Tokenizer tokenizer = Tokenizers.of(name);
    int cuts = 0;
    for (long seed = 0; seed < 300; seed++) {
      String text = RandomText.text(new Random(seed), 12);
      int[] whole = encode(tokenizer, text);
      for (int i = 1; i < text.length(); i++) {
        if (LongWords.endsBefore(text, i) && !LongWords.isNumber(text.charAt(i))) {
          cuts++;
          assertThat(encode(tokenizer, text.substring(0, i), text.substring(i)))
              .as("seed %d, before character %d", seed, i)
              .isEqualTo(whole);
        }
      }
    }
    assertThat(cuts).isGreaterThan(1000);
  }

  @Test
  void onlyLongWordsAreCut() {
    assertThat(cut("int x = 1; y = 2", 4)).containsExactly("int x = 1; y = 2");
    String word = " " + "a".repeat(100);
    assertThat(cut("int x = 1;" + word + " // end\n  5", 40))
        .containsExactly(
            "int x = 1;",
            word.substring(0, 40),
            word.substring(40, 80),
            word.substring(80),
            " // end\n  5");
    assertThat(cut("x".repeat(80) + " b " + "y".repeat(50), 40))
        .containsExactly(
            "x".repeat(40), "x".repeat(40), " b", " " + "y".repeat(39), "y".repeat(11));
    assertThat(cut("x " + "y".repeat(39) + ".", 40)).as("just not too long").hasSize(1);
    assertThat(cut("12".repeat(500), 40)).hasSize(1);
    assertThat(cut("🙂".repeat(50), 7)).allMatch(part -> part.length() == 6 || part.length() == 4);
    for (long seed = 0; seed < 200; seed++) {
      String text = RandomText.text(new Random(seed), 30);
      assertThat(String.join("", cut(text, 5))).as("seed %d", seed).isEqualTo(text);
    }
  }

  /// jtokkit's memory for a word grows with its length: DNA must not come as one word.
  @ParameterizedTest
  @ValueSource(strings = {"cl100k_base", "o200k_base"})
  void aHugeWordIsEncodedInPieces(String name) {
    Tokenizer tokenizer = Tokenizers.of(name);
    String word = "class".repeat(30_000);
    String first = word.substring(0, LongWords.LONGEST);
    String second = word.substring(LongWords.LONGEST, 2 * LongWords.LONGEST);
    int[] ids = encode(tokenizer, word);
    assertThat(ids)
        .isEqualTo(encode(tokenizer, first, second, word.substring(2 * LongWords.LONGEST)));
    assertThat(tokenizer.decode(ids)).isEqualTo(word.getBytes(StandardCharsets.UTF_8));
  }

  private static List<String> cut(String text, int longest) {
    List<String> parts = new ArrayList<>();
    LongWords.cut(text, longest, parts::add);
    return parts;
  }

  private static int[] encode(Tokenizer tokenizer, String... parts) {
    return List.of(parts).stream()
        .flatMapToInt(part -> IntStream.of(tokenizer.encode(part.getBytes(StandardCharsets.UTF_8))))
        .toArray();
  }
}
