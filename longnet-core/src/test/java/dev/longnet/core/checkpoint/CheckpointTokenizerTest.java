// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import dev.longnet.core.data.tokenizer.TokenizerFile;
import dev.longnet.core.data.tokenizer.WordCounts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A model's ids mean what they meant when it was trained, whatever becomes of the tokenizer's
/// file.
class CheckpointTokenizerTest {
  private static final ModelConfig MODEL =
      new ModelConfig(
          300, 1, 16, 2, 32, PositionEncoding.NONE, true, true, new AttentionConfig.Dense());
  private static final byte[] TEXT = "hello hello".getBytes(StandardCharsets.UTF_8);

  @TempDir Path temp;

  @Test
  void aCheckpointCarriesItsTokenizerAlong() throws IOException {
    Path file = trained("t.json", "hello hello hello hello");
    Path directory = temp.resolve("model");
    write(directory, file.toString());
    int[] ids = Checkpoint.resolve(directory).loadTokenizer().encode(TEXT);
    assertThat(ids).hasSizeLessThan(4);

    trained("t.json", "other words other words");
    Checkpoint checkpoint = Checkpoint.resolve(directory);
    assertThat(checkpoint.loadTokenizer().encode(TEXT)).isEqualTo(ids);
    assertThat(checkpoint.hasTokenizer(file.toString())).isFalse();
    assertThat(checkpoint.hasTokenizer(trained("same.json", "hello hello hello hello").toString()))
        .isTrue();
    assertThat(checkpoint.hasTokenizer("bytes")).isFalse();

    Files.delete(file);
    assertThat(Checkpoint.resolve(directory).loadTokenizer().encode(TEXT)).isEqualTo(ids);
    assertThat(Files.readString(directory.resolve("config.json"))).contains(file.toString());

    // Whoever writes the model again, quantised or converted, takes the copy along.
    Path again = temp.resolve("again");
    write(again, checkpoint.tokenizer());
    assertThat(Files.mismatch(directory.resolve("tokenizer.json"), again.resolve("tokenizer.json")))
        .isEqualTo(-1);
  }

  @Test
  void aRunsOwnCopyIsTheOneThatCounts() throws IOException {
    Path file = trained("t.json", "hello hello hello hello");
    Path run = Files.createDirectories(temp.resolve("run"));
    Files.copy(file, run.resolve("tokenizer.json"));
    trained("t.json", "other words other words");
    Path written =
        Checkpoint.write(
            run,
            new Checkpoint.Config(MODEL, file.toString(), 64),
            TrainerState.initial(1, "x"),
            new Checkpoint.Tensors(
                weights -> Files.writeString(weights, "weights"),
                moments -> Files.writeString(moments, "moments")),
            2);
    assertThat(Files.mismatch(run.resolve("tokenizer.json"), written.resolve("tokenizer.json")))
        .isEqualTo(-1);
    assertThat(Checkpoint.resolve(run).loadTokenizer().encode(TEXT)).hasSizeLessThan(4);
  }

  @Test
  void aDamagedCopyIsRefused() throws IOException {
    Path directory = temp.resolve("model");
    write(directory, trained("t.json", "hello hello").toString());
    Files.writeString(directory.resolve("tokenizer.json"), "{}");
    assertThatThrownBy(() -> Checkpoint.resolve(directory))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("tokenizer.json");
  }

  @Test
  void withoutACopyThePathCounts() throws IOException {
    Path directory = temp.resolve("model");
    Path file = temp.resolve("later.json");
    write(directory, file.toString());
    assertThat(directory.resolve("tokenizer.json")).doesNotExist();
    assertThatThrownBy(() -> Checkpoint.resolve(directory).loadTokenizer())
        .isInstanceOf(UncheckedIOException.class);
    trained("later.json", "hello hello hello hello");
    assertThat(Checkpoint.resolve(directory).tokenizer()).isEqualTo(file.toString());
    assertThat(Checkpoint.resolve(directory).loadTokenizer().encode(TEXT)).hasSizeLessThan(4);
    write(temp.resolve("named"), "bytes");
    assertThat(temp.resolve("named/tokenizer.json")).doesNotExist();
  }

  private Path trained(String name, String text) throws IOException {
    WordCounts words = new WordCounts();
    words.add(text.getBytes(StandardCharsets.UTF_8));
    return Files.writeString(temp.resolve(name), TokenizerFile.train(words, 300));
  }

  private static void write(Path directory, String tokenizer) throws IOException {
    Checkpoint.writeModelOnly(
        directory, MODEL, tokenizer, 64, file -> Files.writeString(file, "weights"));
  }
}
