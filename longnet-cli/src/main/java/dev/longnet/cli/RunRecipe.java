package dev.longnet.cli;

import dev.longnet.lm.config.Recipes;
import dev.longnet.lm.config.RunConfig;
import dev.longnet.lm.data.tokenizer.Tokenizers;
import dev.longnet.lm.train.Checkpoint;
import java.io.IOException;
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
    Path found = Stream.of(directory, directory.resolve("../..").normalize())
        .map(d -> d.resolve("recipe.yaml")).filter(Files::isRegularFile).findFirst().orElse(null);
    return found == null ? Optional.empty() : Optional.of(Recipes.load(found.toString(), List.of(), Tokenizers::vocabularySize));
  }
}
