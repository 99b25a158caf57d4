// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.data.Tokenizer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TokenizersTest {

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base", "o200k_base"})
  void anyBytesSurviveARoundTrip(String name) {
    Tokenizer tokenizer = Tokenizers.of(name);
    assertThat(tokenizer.lossless()).isTrue();
    for (long seed = 0; seed < 300; seed++) {
      byte[] bytes = RandomText.bytes(new Random(seed));
      int[] ids = tokenizer.encode(bytes);
      assertThat(Arrays.stream(ids))
          .as("seed %d", seed)
          .allMatch(id -> id >= 0 && id < tokenizer.vocabularySize());
      assertThat(tokenizer.decode(ids)).as("seed %d", seed).isEqualTo(bytes);
    }
  }

  @Test
  void sixteenBitsHoldTheSameIds() {
    Tokenizer tokenizer = Tokenizers.of("bytes");
    byte[] all = new byte[256];
    for (int i = 0; i < all.length; i++) {
      all[i] = (byte) i;
    }
    int[] ids = tokenizer.encode(all);
    short[] alone = tokenizer.encodeShort(all, false);
    short[] ended = tokenizer.encodeShort(all, true);
    assertThat(alone).hasSize(256);
    assertThat(ended).hasSize(257).endsWith((short) tokenizer.endOfText());
    for (int i = 0; i < ids.length; i++) {
      assertThat(alone[i]).isEqualTo((short) ids[i]);
      assertThat(ended[i]).isEqualTo((short) ids[i]);
    }
  }

  /// Ids as OpenAI's tiktoken gives them.
  @Test
  void knownTexts() {
    assertThat(Tokenizers.of("cl100k_base").encode(utf8("hello world")))
        .containsExactly(15339, 1917);
    assertThat(Tokenizers.of("cl100k_base").encode(utf8("tiktoken is great!")))
        .containsExactly(83, 1609, 5963, 374, 2294, 0);
    assertThat(Tokenizers.of("o200k_base").encode(utf8("hello world")))
        .containsExactly(24912, 2375);
    assertThat(Tokenizers.of("bytes").encode(utf8("hé"))).containsExactly(104, 195, 169);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base", "o200k_base"})
  void textThatLooksLikeASpecialTokenIsText(String name) {
    Tokenizer tokenizer = Tokenizers.of(name);
    byte[] text = utf8("a <|endoftext|> b <|fim_prefix|>");
    int[] ids = tokenizer.encode(text);
    assertThat(ids).doesNotContain(tokenizer.endOfText());
    assertThat(tokenizer.decode(ids)).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base", "o200k_base"})
  void everyIdDecodesAndEndOfTextToNothing(String name) {
    Tokenizer tokenizer = Tokenizers.of(name);
    for (int id = 0; id < tokenizer.vocabularySize(); id++) {
      tokenizer.decode(new int[] {id});
    }
    assertThat(tokenizer.decode(new int[] {tokenizer.endOfText()})).isEmpty();
    assertThatThrownBy(() -> tokenizer.decode(new int[] {tokenizer.vocabularySize()}))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void unknownNamesAreRefused() {
    assertThatThrownBy(() -> Tokenizers.of("gpt9"))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tokenizer=gpt9");
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }
}
