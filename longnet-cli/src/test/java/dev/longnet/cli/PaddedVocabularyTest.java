// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A model that knows more ids than its tokenizer, as is usual (50,304 for GPT-2's 50,257), and
/// tokenizers whose text depends on its place: from training to text.
class PaddedVocabularyTest {
  private static final Path TOKENIZERS =
      Path.of("../longnet-core/src/test/resources/tokenizers").toAbsolutePath().normalize();

  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: '%s', validation: 0.4}
      model: {layers: 1, hidden: 16, heads: 2, vocabulary: %d, attention: {type: dense}}
      training: {window: 32, sequences: 2, batch_tokens: 64, steps: 2}
      schedule: {warmup_steps: 1}
      evaluation: {every_steps: 0, lengths: [16], tokens: 256}
      sample: {prompt: 'a word', tokens: 40, temperature: 3}
      """;

  @TempDir Path folder;

  private Path train(String tokenizer, int vocabulary, Path corpus) throws IOException {
    Path recipe =
        Files.writeString(
            folder.resolve("r.yaml"), RECIPE.formatted(corpus, tokenizer, vocabulary));
    Path out = folder.resolve("run");
    Cli run = Cli.run("train", "--recipe", recipe, "--out", out);
    assertThat(run.exitCode()).as(run.err()).isZero();
    return out;
  }

  private Path words() throws IOException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    for (int i = 0; i < 30; i++) {
      Files.writeString(
          corpus.resolve("d" + i), "document %d of plain words\n".formatted(i).repeat(8));
    }
    return corpus;
  }

  @Test
  void aPaddedVocabularyTrainsSamplesAndGenerates() throws IOException {
    Path out = train("bytes", 320, words());
    assertThat(Files.readString(out.resolve("sample.txt"))).startsWith("a word");
    JsonNode evaluation = new ObjectMapper().readTree(out.resolve("evaluation.json").toFile());
    assertThat(evaluation.path("lengths").path(0).path("textless_probability").asDouble())
        .as("63 of 320 ids have no text")
        .isBetween(0.02, 0.6);
    assertThat(Files.readString(out.resolve("report.html")))
        .contains("of the probability goes to ids without text");
    Cli text = Cli.run("generate", out, "--max-tokens", "200", "--temperature", "5", "--seed", "3");
    assertThat(text.exitCode()).as(text.err()).isZero();
    Cli stream = Cli.run("stream", out, "--input", folder.resolve("corpus"));
    assertThat(stream.exitCode()).as(stream.err()).isZero();
    assertThat(stream.out()).contains("of the probability goes to ids without text");
  }

  /// Greedy text must be the same as decoding all ids at once, spaces and all.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "t5", "bert"})
  void textIsThatOfAllIds(String name) throws IOException {
    String tokenizer = TOKENIZERS.resolve(name + ".json").toString();
    Path out = train(tokenizer, 800, words());
    String sample = Files.readString(out.resolve("sample.txt"));
    assertThat(sample).startsWith("a word").contains(" ");
    Path text = folder.resolve("text.txt");
    Files.writeString(text, "plain words of the text, some more");
    Cli all =
        Cli.run("stream", out, "--input", text, "--max-tokens", "4", "--json", folder.resolve("s"));
    assertThat(all.exitCode()).as(all.err()).isZero();
    long bytes =
        new ObjectMapper()
            .readTree(folder.resolve("s").toFile())
            .path("total")
            .path("bytes")
            .asLong();
    int[] counts =
        Tokenizers.of(tokenizer)
            .byteCounts(new byte[0], Files.readString(text).getBytes(StandardCharsets.UTF_8));
    assertThat(bytes).isEqualTo(counts[0] + counts[1] + counts[2]);
    Cli generated =
        Cli.run(
            "generate",
            out,
            "--prompt",
            "plain words",
            "--max-tokens",
            "60",
            "--temperature",
            "2",
            "--seed",
            "5");
    assertThat(generated.exitCode()).as(generated.err()).isZero();
    assertThat(generated.out()).startsWith("plain words").doesNotContain("<pad>", "[PAD]", "<s>");
    assertThat(generated.out().substring(11)).contains(" ");
  }
}
