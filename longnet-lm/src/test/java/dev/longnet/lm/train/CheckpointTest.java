// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.TrainerState;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.PositionEncoding;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class CheckpointTest {
  private static final ModelConfig MODEL =
      new ModelConfig(
          257,
          2,
          64,
          4,
          256,
          PositionEncoding.XPOS,
          true,
          true,
          new AttentionConfig.Dilated(
              List.of(new Branch(64, 1), new Branch(256, 4)), HeadOffsets.BLOCKED));

  @TempDir Path run;

  @Test
  void aRunResolvesToItsNewestCheckpointWithAllItKnows() throws Exception {
    write(5);
    Path newest = write(12);
    Checkpoint checkpoint = Checkpoint.resolve(run);
    assertThat(checkpoint.directory()).isEqualTo(newest);
    assertThat(checkpoint.model()).isEqualTo(MODEL);
    assertThat(checkpoint.tokenizer()).isEqualTo("bytes");
    assertThat(checkpoint.trainedLength()).isEqualTo(256);
    assertThat(checkpoint.state()).contains(state(12));
    assertThat(Checkpoint.resolve(newest)).isEqualTo(checkpoint);
  }

  @Test
  void keepsTheNewest() throws Exception {
    for (int step = 1; step <= 5; step++) {
      write(step);
    }
    assertThat(Checkpoint.list(run))
        .extracting(p -> p.getFileName().toString())
        .containsExactly("step-00000004", "step-00000005");
  }

  @Test
  void aFailureWhileWritingLeavesNothingBehindAndTheOldOnesAlone() throws Exception {
    Path old = write(1);
    assertThatThrownBy(() ->
            Checkpoint.write(
                run,
                new Checkpoint.Config(MODEL, "bytes", 256),
                state(2),
                new Checkpoint.Tensors(
                    file -> Files.writeString(file, "weights"),
                    file -> {
                      Files.writeString(file, "half");
                      throw new IOException("No space left on device");
                    }),
                2))
        .isInstanceOf(IOException.class);
    try (var files = Files.list(run.resolve("checkpoints"))) {
      assertThat(files).containsExactly(old);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"model.safetensors", "optimizer.safetensors", "trainer.json", "config.json"})
  void refusesACutFileInOneLine(String name) throws Exception {
    Path file = write(1).resolve(name);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() / 2);
    }
    assertThatThrownBy(() -> Checkpoint.resolve(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(name)
        .message()
        .doesNotContain("\n");
  }

  @Test
  void refusesAFlippedBit() throws Exception {
    Path file = write(1).resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(file);
    bytes[3] ^= 4;
    Files.write(file, bytes);
    assertThatThrownBy(() -> Checkpoint.resolve(run)).hasMessageContaining("CRC-32C");
  }

  @Test
  void aDamagedNewestOneNamesTheOneBefore() throws Exception {
    Path before = write(5);
    Path file = write(12).resolve("config.json");
    Files.writeString(file, "{");
    assertThatThrownBy(() -> Checkpoint.resolve(run))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith(
            "; the one before it: "
                + before
                + " (resume takes it once the damaged one is removed)");
    assertThat(Checkpoint.resolve(before).state()).contains(state(5));
  }

  @Test
  void refusesAMissingFile() throws Exception {
    Files.delete(write(1).resolve("optimizer.safetensors"));
    assertThatThrownBy(() -> Checkpoint.resolve(run))
        .hasMessageContaining("optimizer.safetensors is missing");
  }

  @Test
  void saysWhereItLooked() {
    assertThatThrownBy(() -> Checkpoint.resolve(run))
        .hasMessageContaining("no checkpoint in " + run);
    assertThatThrownBy(() -> Checkpoint.resolve(run.resolve("absent")))
        .hasMessageContaining("no such run");
  }

  private Path write(long step) throws IOException {
    return Checkpoint.write(
        run,
        new Checkpoint.Config(MODEL, "bytes", 256),
        state(step),
        new Checkpoint.Tensors(
            file -> Files.writeString(file, "weights of " + step),
            file -> Files.writeString(file, "moments of " + step)),
        2);
  }

  private static TrainerState state(long step) {
    return new TrainerState(step, step - 1, 4 * step, 1024 * step, 1, 0, 7, 1.5, "abc");
  }
}
