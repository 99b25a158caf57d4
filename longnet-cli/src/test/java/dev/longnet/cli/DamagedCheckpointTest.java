// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Every command that reads a checkpoint, given one that is damaged: one line, exit code 2, nothing
/// written.
class DamagedCheckpointTest {
  @TempDir Path folder;
  private Path model;
  private Path out;

  /// MODEL and OUT stand for paths.
  private static final List<String> COMMANDS =
      List.of(
          "eval MODEL --corpus TEXT --validation 0.5 --lengths 16 --json OUT",
          "generate MODEL --prompt x --max-tokens 2",
          "generate MODEL --prompt x --max-tokens 2 --save-state OUT",
          "stream MODEL --input TEXT --json OUT",
          "logits MODEL --tokens TEXT --out OUT",
          "quantize MODEL --out OUT",
          "export MODEL --to torchscale --out OUT",
          "bench inference MODEL",
          "bench stream MODEL --tokens 100 --out OUT",
          "train --recipe quickstart --init MODEL --corpus TEXT --out OUT");

  private enum Damage {
    /// The file ends in the middle of a tensor.
    TRUNCATED_WEIGHTS {
      @Override
      void to(Path model) throws IOException {
        halve(model.resolve("model.safetensors"));
      }
    },
    /// A header longer than any file.
    WILD_HEADER {
      @Override
      void to(Path model) throws IOException {
        byte[] bytes = Files.readAllBytes(model.resolve("model.safetensors"));
        Arrays.fill(bytes, 0, 7, (byte) 0xff);
        Files.write(model.resolve("model.safetensors"), bytes);
      }
    },
    TRUNCATED_CONFIGURATION {
      @Override
      void to(Path model) throws IOException {
        halve(model.resolve("config.json"));
      }
    },
    NO_WEIGHTS {
      @Override
      void to(Path model) throws IOException {
        Files.delete(model.resolve("model.safetensors"));
      }
    };

    abstract void to(Path model) throws IOException;

    private static void halve(Path file) throws IOException {
      byte[] bytes = Files.readAllBytes(file);
      Files.write(file, Arrays.copyOf(bytes, bytes.length / 2));
    }
  }

  private record Case(String command, Damage damage) {
    @Override
    public String toString() {
      return damage + ": " + command;
    }
  }

  static Stream<Case> cases() {
    return COMMANDS.stream()
        .flatMap(
            command -> Arrays.stream(Damage.values()).map(damage -> new Case(command, damage)));
  }

  @BeforeEach
  void write() throws IOException {
    model = TinyCheckpoint.write(folder.resolve("model"));
    out = folder.resolve("out.safetensors"); // export takes no other ending
    Files.writeString(
        folder.resolve("text.txt"),
        "some words and more words\n".repeat(40),
        StandardCharsets.UTF_8);
  }

  @ParameterizedTest
  @MethodSource("cases")
  void isOneLine(Case given) throws IOException {
    given.damage.to(model);
    List<Object> words = new ArrayList<>();
    for (String word : given.command.split(" ")) {
      words.add(
          switch (word) {
            case "MODEL" -> model;
            case "OUT" -> out;
            case "TEXT" -> folder.resolve("text.txt");
            default -> word;
          });
    }
    Cli run = Cli.run(words.toArray());
    assertThat(run.exitCode()).as(run.toString()).isEqualTo(2);
    assertThat(run.err().lines()).as(run.err()).hasSize(1);
    assertThat(run.err()).startsWith("longnet: ").contains(model.toString());
    assertThat(out).doesNotExist();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files.map(file -> file.getFileName().toString()))
          .containsExactlyInAnyOrder("model", "text.txt");
    }
  }
}
