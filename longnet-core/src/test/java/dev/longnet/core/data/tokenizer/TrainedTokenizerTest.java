// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.data.Tokenizer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TrainedTokenizerTest {
  @TempDir Path temp;

  @Test
  void anyBytesSurviveARoundTrip() throws IOException {
    Tokenizer tokenizer = train(600);
    assertThat(tokenizer.lossless()).isTrue();
    assertThat(tokenizer.vocabularySize()).isEqualTo(600);
    assertThat(tokenizer.endOfText()).isEqualTo(599);
    for (long seed = 0; seed < 300; seed++) {
      byte[] bytes = RandomText.bytes(new Random(seed));
      assertThat(tokenizer.decode(tokenizer.encode(bytes))).as("seed %d", seed).isEqualTo(bytes);
    }
  }

  @Test
  void textThatLooksLikeASpecialTokenIsText() throws IOException {
    Tokenizer tokenizer = train(400);
    byte[] text = "a <|endoftext|> b".getBytes(StandardCharsets.UTF_8);
    assertThat(tokenizer.encode(text)).doesNotContain(tokenizer.endOfText());
    assertThat(tokenizer.decode(tokenizer.encode(text))).isEqualTo(text);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base"})
  void knownTokenizersAsFilesGiveTheSameIds(String name) throws IOException {
    Tokenizer known = Tokenizers.of(name);
    Path path = Files.writeString(temp.resolve("known.json"), TokenizerFile.of(known));
    Tokenizer file = Tokenizers.of(path.toString());
    assertThat(file.endOfText()).isEqualTo(known.endOfText());
    assertThat(TokenizerFile.endOfText(Files.readAllBytes(path), known.endOfText()))
        .contains("<|endoftext|>");
    for (long seed = 0; seed < 100; seed++) {
      byte[] text = RandomText.text(new Random(seed), 60).getBytes(StandardCharsets.UTF_8);
      assertThat(file.encode(text)).as("seed %d", seed).isEqualTo(known.encode(text));
    }
  }

  @Test
  @Tag("slow")
  void theLargestKnownTokenizerToo() throws IOException {
    knownTokenizersAsFilesGiveTheSameIds("o200k_base");
  }

  /// The definition of the algorithm, done the slow way.
  @Test
  void mergesAreTheMostFrequentPairs() throws IOException {
    WordCounts words = words();
    JsonNode file = new ObjectMapper().readTree(TokenizerFile.train(words, 257 + 60));
    List<List<String>> parts = new ArrayList<>();
    List<Long> counts = new ArrayList<>();
    words
        .counts()
        .forEach((word, count) -> {
          List<String> symbols = new ArrayList<>();
          for (char c : ByteAlphabet.encode(WordCounts.bytes(word)).toCharArray()) {
            symbols.add(String.valueOf(c));
          }
          parts.add(symbols);
          counts.add(count[0]);
        });
    for (JsonNode merge : file.path("model").path("merges")) {
      Map<List<String>, Long> pairs = new HashMap<>();
      for (int w = 0; w < parts.size(); w++) {
        for (int i = 0; i + 1 < parts.get(w).size(); i++) {
          pairs.merge(
              List.of(parts.get(w).get(i), parts.get(w).get(i + 1)), counts.get(w), Long::sum);
        }
      }
      List<String> chosen = List.of(merge.path(0).asText(), merge.path(1).asText());
      long most = pairs.values().stream().mapToLong(x -> x).max().orElseThrow();
      assertThat(pairs.get(chosen)).as("%s", chosen).isEqualTo(most);
      for (List<String> symbols : parts) {
        for (int i = 0; i + 1 < symbols.size(); i++) {
          if (symbols.subList(i, i + 2).equals(chosen)) {
            symbols.set(i, chosen.get(0) + chosen.get(1));
            symbols.remove(i + 1);
          }
        }
      }
    }
    assertThat(file.path("model").path("merges")).hasSize(60);
  }

  /// A word is as long as its text where that has no spaces.
  @ParameterizedTest
  @ValueSource(strings = {"ACGT", "的一是在不了有和", "กขคงจฉชซ"})
  void textsWithoutSpacesTeachPairs(String letters) throws IOException {
    Random random = new Random(5);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      text.append(letters.charAt(random.nextInt(letters.length())));
    }
    WordCounts words = new WordCounts();
    words.add(text.toString().getBytes(StandardCharsets.UTF_8));
    Path file = Files.writeString(temp.resolve("t.json"), TokenizerFile.train(words, 600));
    Tokenizer tokenizer = Tokenizers.of(file.toString());
    assertThat(tokenizer.vocabularySize()).isEqualTo(600);
    byte[] bytes = text.toString().getBytes(StandardCharsets.UTF_8);
    int[] ids = tokenizer.encode(bytes);
    assertThat(ids.length).isLessThan(bytes.length / 3);
    assertThat(tokenizer.decode(ids)).isEqualTo(bytes);
  }

  /// A file that was saved while a model trained may ask for other ids at each reading.
  @Test
  void dropoutIsOff() throws IOException {
    String json = TokenizerFile.train(words(), 600);
    Path always = Files.writeString(temp.resolve("a.json"), json);
    Path dropped =
        Files.writeString(
            temp.resolve("d.json"), json.replaceFirst("\"dropout\" : null", "\"dropout\" : 0.9"));
    assertThat(dropped).content().contains("\"dropout\" : 0.9");
    byte[] text = RandomText.text(new Random(1), 200).getBytes(StandardCharsets.UTF_8);
    assertThat(Tokenizers.of(dropped.toString()).encode(text))
        .isEqualTo(Tokenizers.of(always.toString()).encode(text));
  }

  @Test
  void foreignFilesKeepTheirIdsAndLoseTheirSpecialTokens() throws IOException {
    String json =
        """
        {"version": "1.0", "truncation": {"direction": "Right", "max_length": 4, "strategy": "LongestFirst", "stride": 0},
         "added_tokens": [{"id": 0, "content": "<unk>", "single_word": false, "lstrip": false, "rstrip": false,
           "normalized": false, "special": true}, {"id": 1, "content": "</s>", "single_word": false, "lstrip": false,
           "rstrip": false, "normalized": false, "special": true}],
         "normalizer": {"type": "Lowercase"}, "pre_tokenizer": {"type": "Whitespace"}, "post_processor": null, "decoder": null,
         "model": {"type": "WordLevel", "vocab": {"<unk>": 0, "</s>": 1, "hello": 2, "world": 3}, "unk_token": "<unk>"}}\
        """;
    Path file = temp.resolve("word.json");
    Files.writeString(file, json);
    Tokenizer tokenizer = Tokenizers.of(file.toString());
    assertThat(tokenizer.vocabularySize()).isEqualTo(4);
    assertThat(tokenizer.endOfText()).isEqualTo(1);
    assertThat(tokenizer.lossless()).isFalse();
    assertThat(
            tokenizer.encode(
                "Hello world hello world hello zebra".getBytes(StandardCharsets.UTF_8)))
        .containsExactly(2, 3, 2, 3, 2, 0);
    assertThat(tokenizer.decode(new int[] {2, 3, 1}))
        .isEqualTo("hello world".getBytes(StandardCharsets.UTF_8));
  }

  @Test
  void whatIsNoTokenizerIsRefused() throws IOException {
    Path file = temp.resolve("x.json");
    for (String content :
        List.of(
            "",
            "{",
            "[]",
            "{\"model\": {}}",
            "{\"model\": {\"type\": \"BPE\", \"vocab\": {\"a\": -5}}}")) {
      Files.writeString(file, content);
      assertThatThrownBy(() -> Tokenizers.of(file.toString()))
          .as(content)
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("not a");
    }
  }

  private Tokenizer train(int size) throws IOException {
    Path file = temp.resolve("t" + size + ".json");
    Files.writeString(file, TokenizerFile.train(words(), size));
    return Tokenizers.of(file.toString());
  }

  private static WordCounts words() {
    WordCounts words = new WordCounts();
    for (long seed = 0; seed < 30; seed++) {
      words.add(RandomText.text(new Random(seed), 200).getBytes(StandardCharsets.UTF_8));
    }
    return words;
  }
}
