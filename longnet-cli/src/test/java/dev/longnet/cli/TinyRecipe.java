// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/// A recipe that trains in seconds, its corpus beside it.
final class TinyRecipe {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 2
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 2, batch_tokens: 256, steps: 60}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      checkpoint: {every_steps: 10}
      evaluation: {every_steps: 20, every_tokens: 256, lengths: [16, 64], tokens: 512}
      sample: {tokens: 8}
      """;

  private TinyRecipe() {}

  /// Writes `tiny.yaml` and the 40 files of `corpus` into the directory.
  static Path write(Path directory) throws IOException {
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    return Files.writeString(directory.resolve("tiny.yaml"), RECIPE.formatted(corpus));
  }

  /// Trains as the recipe says.
  ///
  /// @param more options
  static Cli train(Path recipe, Path run, Object... more) {
    List<Object> words = new ArrayList<>(List.of("train", "--recipe", recipe, "--out", run));
    words.addAll(List.of(more));
    return Cli.run(words.toArray());
  }

  /// A run of the recipe's first steps.
  static Path trained(Path recipe, Path run, int steps) {
    Cli result = train(recipe, run, "--max-steps", steps);
    assertThat(result.exitCode()).as(result.toString()).isZero();
    return run;
  }

  /// Of the files in a directory.
  static List<String> names(Path path) throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      return files.map(p -> p.getFileName().toString()).toList();
    }
  }
}
