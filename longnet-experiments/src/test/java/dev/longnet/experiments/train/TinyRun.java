// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A recipe whose steps take milliseconds.
final class TinyRun {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: [none], tokenizer: bytes}
      model:
        layers: 1
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 1, batch_tokens: 64, steps: 12}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      runtime: {threads: 2}
      """;

  private TinyRun() {}

  static RunConfig config(Path folder, String... overrides) throws IOException {
    Path recipe = Files.writeString(folder.resolve("tiny.yaml"), RECIPE);
    return Recipes.load(recipe.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }
}
