// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/// The recipe of the run that a checkpoint lies in.
final class RunRecipe {
  private RunRecipe() {}

  /// @return empty where the checkpoint lies in no run
  static Optional<RunConfig> of(Checkpoint checkpoint) throws IOException {
    Path directory = checkpoint.directory().toAbsolutePath();
    Path found =
        Stream.of(directory, directory.resolve("../..").normalize())
            .map(d -> d.resolve("recipe.yaml"))
            .filter(Files::isRegularFile)
            .findFirst()
            .orElse(null);
    // The checkpoint knows the vocabulary, also where the tokenizer's file has gone.
    return found == null
        ? Optional.empty()
        : Optional.of(
            Recipes.load(found.toString(), List.of(), name -> checkpoint.model().vocabulary()));
  }

  /// What to tokenize a corpus with for this model: the recipe's tokenizer, whose shards may be
  /// there already; where its file is gone or another one now, the checkpoint's own copy.
  ///
  /// @param err hears of that
  static String tokenizer(Optional<RunConfig> recipe, Checkpoint checkpoint, PrintWriter err)
      throws IOException {
    if (recipe.isEmpty()) {
      return checkpoint.tokenizer();
    }
    String given = recipe.get().corpus().tokenizer();
    if (!checkpoint.hasTokenizer() || checkpoint.hasTokenizer(given)) {
      return given;
    }
    err.println(
        given
            + " is gone or another tokenizer now than the one of training: its copy in the checkpoint is used");
    err.flush();
    return checkpoint.tokenizer();
  }
}
