// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TextDecoder;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// `tokenizer.json` files of others: what their ids may be, what they lose.
class ForeignTokenizersTest {
  private static final String WORDS =
      """
      {"version": "1.0", "added_tokens": [{"id": %s, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
         "normalized": false, "special": %s}],
       "normalizer": null, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
       "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "hello": %s}, "unk_token": "<unk>"}}\
      """;

  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"-1", "2147483647", "99999999999", "1.5", "\"0\"", "null"})
  void idsThatCannotBeAreRefusedInOneLine(String id) throws IOException {
    for (String json :
        List.of(
            WORDS.formatted(id, "true", "1"),
            WORDS.formatted(id, "false", "1"),
            WORDS.formatted("0", "true", id))) {
      Path file = Files.writeString(temp.resolve("t.json"), json);
      assertThatThrownBy(() -> Tokenizers.of(file.toString()))
          .as(json)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("ids must be whole numbers from 0 to")
          .hasMessageEndingWith(file.toString());
    }
  }

  @Test
  void bytesThatAreNoTextBecomeByteTokens() throws IOException {
    Tokenizer tokenizer = trained("");
    byte[] noise = new byte[100_000];
    new Random(1).nextBytes(noise);
    assertThat(tokenizer.decode(tokenizer.encode(noise))).isEqualTo(noise);
    Tokenizer words =
        Tokenizers.of(
            Files.writeString(temp.resolve("w.json"), WORDS.formatted("0", "true", "1"))
                .toString());
    assertThat(words.encode(new byte[] {'h', 'e', 'l', 'l', 'o', (byte) 0xff, (byte) 0xfe}))
        .containsExactly(1, 0, 0);
  }

  @Test
  void whatATokenizerLosesIsSaid() throws IOException {
    Path corpus = Files.writeString(temp.resolve("corpus.txt"), "hello world ".repeat(100));
    assertThat(said(corpus, trained("").name())).isEmpty();
    Tokenizer composing = trained("NFC");
    assertThat(composing.lossless()).isFalse();
    assertThat(said(corpus, composing.name()))
        .containsExactly(
            "the tokenizer "
                + composing.name()
                + " loses bytes (a normalizer, dropped spaces, or bytes without a token): what a "
                + "model of its ids writes is not always what the corpus holds");
  }

  private List<String> said(Path corpus, String tokenizer) throws IOException {
    List<String> said = new ArrayList<>();
    TokenizationListener listener =
        new TokenizationListener() {
          @Override
          public void message(String line) {
            said.add(line);
          }

          @Override
          public void progress(TokenizationProgress progress) {}
        };
    CorpusConfig config = CorpusConfig.of(List.of(corpus.toString()), tokenizer);
    Tokenization.prepare(
            config,
            temp.resolve("shards-of-" + Path.of(tokenizer).getFileName()),
            false,
            1,
            listener)
        .close();
    return said;
  }

  private Tokenizer trained(String normalizer) throws IOException {
    WordCounts words = new WordCounts();
    words.add("hello world hello".getBytes(StandardCharsets.UTF_8));
    String json = TokenizerFile.train(words, 260);
    if (!normalizer.isEmpty()) {
      json =
          json.replace(
              "\"normalizer\" : null", "\"normalizer\" : {\"type\" : \"" + normalizer + "\"}");
      assertThat(json).contains(normalizer);
    }
    return Tokenizers.of(
        Files.writeString(temp.resolve("t" + normalizer + ".json"), json).toString());
  }

  /// A decoder that is not among those read here: the library decodes.
  @Test
  void textOfAnyDecoderComesOneByOne() throws IOException {
    String json = Files.readString(Path.of("src/test/resources/tokenizers/llama.json"));
    String decoder =
        json.replace(
            "\"pattern\":{\"String\":\"\\u2581\"},\"content\":\" \"",
            "\"pattern\":{\"Regex\":\"\\u2581\"},\"content\":\" \"");
    assertThat(decoder).isNotEqualTo(json);
    Tokenizer tokenizer =
        Tokenizers.of(Files.writeString(temp.resolve("d.json"), decoder).toString());
    byte[] text = "hello  world 你好 🙂 x".getBytes(StandardCharsets.UTF_8);
    int[] ids = tokenizer.encode(text);
    assertThat(tokenizer.decode(ids)).isEqualTo(text);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    TextDecoder next = tokenizer.newDecoder();
    for (int id : ids) {
      out.writeBytes(next.next(id));
    }
    assertThat(out.toByteArray()).isEqualTo(text);
    assertThat(tokenizer.hasText(tokenizer.endOfText())).isFalse();
    assertThat(tokenizer.hasText(ids[0])).isTrue();
  }

  /// Text after a byte that is no text is not a text's beginning.
  @Test
  void textAfterOtherBytesHasNoSpaceBeforeIt() {
    Tokenizer llama = Tokenizers.of("src/test/resources/tokenizers/llama.json");
    byte[] bytes = {'a', 'b', (byte) 0xff, 'a', 'b'};
    assertThat(llama.decode(llama.encode(bytes))).isEqualTo(bytes);
    assertThat(llama.byteCounts(new byte[0], bytes)).endsWith(1, 1, 1);
  }
}
