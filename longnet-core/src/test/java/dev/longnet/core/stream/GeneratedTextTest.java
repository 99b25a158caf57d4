// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GeneratedTextTest {
  private static Tokenizer tokenizer(String name) {
    return Tokenizers.of("src/test/resources/tokenizers/" + name + ".json");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama", "mistral", "gemma", "unigram-whole", "t5", "bert", "bert-cased", "gpt2"})
  void thePromptAndWhatFollowsAreTheTextOfAllIds(String name) {
    Tokenizer tokenizer = tokenizer(name);
    byte[] text = "hello world. 你好 naïve café".getBytes(StandardCharsets.UTF_8);
    int[] ids = tokenizer.encode(text);
    String whole = new String(tokenizer.decode(ids), StandardCharsets.UTF_8);
    for (int prompt = 0; prompt < ids.length; prompt++) {
      int[] head = Arrays.copyOf(ids, prompt);
      String before = new String(tokenizer.decode(head), StandardCharsets.UTF_8);
      if (before.endsWith("\uFFFD")) {
        continue;
      }
      GeneratedText generated = new GeneratedText(tokenizer);
      generated.read(tokenizer.endOfText());
      generated.read(head);
      StringBuilder shown = new StringBuilder(before);
      for (int i = prompt; i < ids.length; i++) {
        shown.append(generated.next(ids[i]));
      }
      assertThat(shown.append(generated.end())).asString().isEqualTo(whole);
    }
  }

  @Test
  void aCharacterAppearsWhenItIsWhole() {
    Tokenizer llama = tokenizer("llama");
    int[] ids = llama.encode("x🙂y".getBytes(StandardCharsets.UTF_8));
    GeneratedText text = new GeneratedText(llama);
    StringBuilder pieces = new StringBuilder();
    for (int id : ids) {
      pieces.append(text.next(id)).append('|');
    }
    assertThat(pieces).asString().endsWith("x||||🙂|y|");
  }

  @Test
  void aSavedContextGoesOnInItsMiddleOrAfterItsEnd() {
    Tokenizer llama = tokenizer("llama");
    int[] hello = llama.encode("hello".getBytes(StandardCharsets.UTF_8));
    GeneratedText middle = new GeneratedText(llama);
    assertThat(middle.resume(GeneratedText.note(llama, hello[0]))).isTrue();
    assertThat(middle.next(hello[0])).startsWith(" ");
    GeneratedText after = new GeneratedText(llama);
    assertThat(after.resume(GeneratedText.note(llama, llama.endOfText()))).isFalse();
    assertThat(after.next(hello[0])).doesNotStartWith(" ");
    assertThat(GeneratedText.note(Tokenizers.of("bytes"), 3)).isEmpty();
  }
}
