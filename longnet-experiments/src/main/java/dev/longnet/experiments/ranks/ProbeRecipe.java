// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Random;

/// The run whose steps are timed: the paper's ladder over bytes of drawn words.
///
/// @param window N
/// @param hidden C, a multiple of 64
/// @param layers L
record ProbeRecipe(int window, int hidden, int layers, long seed) {
  private static final int FILES = 16;

  ProbeRecipe {
    if (window < 64 || hidden < 64 || hidden % 64 != 0 || layers < 1) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a window must have 64 tokens or more, hidden must be a multiple of 64: window=%d, hidden=%d, layers=%d",
              window,
              hidden,
              layers));
    }
  }

  /// Writes the corpus and the recipe.
  ///
  /// @return the recipe's file
  Path write(Path folder) throws IOException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    Random random = new Random(seed);
    String[] words =
        "a class int for new this value list map set of text get put return if".split(" ");
    for (int i = 0; i < FILES; i++) {
      StringBuilder text = new StringBuilder();
      while (text.length() < window / 2 + 4096) {
        text.append(words[random.nextInt(words.length)]).append(' ').append(random.nextInt(1000));
        text.append(random.nextInt(8) == 0 ? '\n' : ' ');
      }
      Files.writeString(corpus.resolve("text-" + i + ".txt"), text);
    }
    Path recipe = folder.resolve("probe.yaml");
    Files.writeString(
        recipe,
        String.format(
            Locale.ROOT,
            """
            name: probe
            corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.2}
            model:
              layers: %d
              hidden: %d
              heads: %d
              feed_forward: %d
              positions: xpos
              attention:
                type: dilated
                segment_lengths: [%d, %d, %d, %d, %d]
                dilations: [1, 2, 4, 6, 12]
            training: {window: %d, batch_tokens: %d, steps: 1000000, seed: %d}
            runtime: {device: cpu, precision: fp32}
            evaluation: {lengths: [%d], tokens: %d}
            """,
            corpus,
            layers,
            hidden,
            hidden / 64,
            4 * hidden,
            window / 16,
            window / 8,
            window / 4,
            window / 2,
            window,
            window,
            window,
            seed,
            window,
            window));
    return recipe;
  }
}
