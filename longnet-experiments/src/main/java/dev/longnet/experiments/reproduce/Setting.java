// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.LongStream;

/// What is asked for: how large, how often, where.
///
/// @param seeds how many, from 1 on; a pilot has one
/// @param pilot a fifth of the tokens, kept apart
/// @param out where models, recipes and tables go
/// @param corpus files of the experiment whose text the user brings
public record Setting(Scale scale, int seeds, boolean pilot, Path out, List<Path> corpus) {
  /// Ids of the tokenizer that is learned for the experiments.
  static final int VOCABULARY = 4096;

  /// Share of the steps that a pilot takes.
  private static final int PILOT = 5;

  public Setting {
    if (seeds < 1) {
      throw new IllegalArgumentException("seeds must be at least 1: seeds=" + seeds);
    }
    seeds = pilot ? 1 : seeds;
    corpus = List.copyOf(corpus);
  }

  public Setting(Scale scale, int seeds, boolean pilot, Path out) {
    this(scale, seeds, pilot, out, List.of());
  }

  /// The first seeds of an experiment that wants at most so many.
  List<Long> seeds(int most) {
    return LongStream.rangeClosed(1, Math.min(seeds, most)).boxed().toList();
  }

  /// As [#seeds]; at quick scale, whose numbers mean nothing, one.
  List<Long> seedsUnlessQuick(int most) {
    return seeds(scale == Scale.QUICK ? 1 : most);
  }

  RunId id(String experiment, String row, long seed) {
    return new RunId(experiment, row, scale, seed, pilot);
  }

  /// The tokenizer that is learned for the experiments, where the scale has one.
  Path tokenizer() {
    return out.resolve("tokenizer.json");
  }

  /// Where a model is trained.
  Path run(ModelRecipe recipe) {
    return out.resolve("runs").resolve(recipe.id().name());
  }

  /// Where its recipe stands by itself, for `longnet train --recipe`.
  Path recipe(ModelRecipe recipe) {
    return out.resolve("recipes").resolve(recipe.id().name() + ".yaml");
  }

  /// The whole recipe of a model.
  RunConfig config(ModelRecipe recipe) throws IOException {
    List<String> overrides = new ArrayList<>(recipe.overrides());
    overrides.add("name=" + recipe.id().name());
    overrides.add("training.seed=" + recipe.id().seed());
    RunConfig whole = load(recipe.base(), overrides);
    if (!pilot) {
      return whole;
    }
    overrides.add("training.steps=" + Math.ceilDiv(whole.training().steps(), PILOT));
    overrides.add("schedule.warmup_steps=" + whole.schedule().warmupSteps() / PILOT);
    return load(recipe.base(), overrides);
  }

  /// A recipe; a tokenizer that is yet to be learned has as many ids as it will have.
  RunConfig load(String base, List<String> overrides) throws IOException {
    return Recipes.load(
        base,
        overrides,
        name ->
            Path.of(name).equals(tokenizer()) && !Files.exists(tokenizer())
                ? VOCABULARY
                : Tokenizers.vocabularySize(name));
  }
}
