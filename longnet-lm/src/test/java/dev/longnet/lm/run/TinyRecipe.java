// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A recipe with a corpus of twenty small files.
record TinyRecipe(Path file) {
  /// @param recipe with `%s` in the place of the corpus
  static TinyRecipe write(Path directory, String recipe) throws IOException {
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    for (int i = 0; i < 20; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    Path file = directory.resolve("tiny.yaml");
    Files.writeString(file, recipe.formatted(corpus));
    return new TinyRecipe(file);
  }

  RunConfig config(String... overrides) throws IOException {
    return Recipes.load(file.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }
}
