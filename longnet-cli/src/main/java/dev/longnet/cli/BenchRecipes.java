// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// Whose models a benchmark of passes or steps measures.
final class BenchRecipes {
  @Option(
      names = "--recipe",
      split = ",",
      paramLabel = "NAME|FILE",
      description = "Whose models, windows and runtimes (default: quickstart).")
  List<String> recipes = List.of("quickstart");

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Tokens of the sequence (default: the recipe's).")
  @Nullable Integer window;

  @Option(
      names = "--precision",
      split = ",",
      paramLabel = "TYPE",
      description = "fp32, bf16 or both (default: fp32,bf16).")
  List<Precision> precisions = List.of(Precision.FP32, Precision.BF16);

  @Option(
      names = "--warm-up",
      paramLabel = "SECONDS",
      description = "How long it runs before anything is timed (default: ${DEFAULT-VALUE}).")
  double warmUp = 25;

  @Option(
      names = "--set",
      paramLabel = "PATH=VALUE",
      description = "Changes one key of the recipe; repeatable.")
  List<String> overrides = List.of();

  /// Each recipe in each precision.
  List<RunConfig> configs() throws IOException {
    List<RunConfig> configs = new ArrayList<>();
    for (String recipe : recipes) {
      for (Precision precision : precisions) {
        configs.add(config(recipe, precision));
      }
    }
    return configs;
  }

  private RunConfig config(String recipe, Precision precision) throws IOException {
    List<String> all = new ArrayList<>(overrides);
    all.add("runtime.precision=" + precision.name().toLowerCase(Locale.ROOT));
    if (window != null) {
      // One sequence is measured here; the recipe's evaluation lengths need not fit the window.
      all.addAll(
          List.of(
              "training.window=" + window,
              "training.sequences=1",
              "training.batch_tokens=" + window,
              "evaluation.lengths=[" + window + "]"));
    }
    RunConfig config =
        Recipes.load(recipe, new Recipes.Overrides("--set", all), Tokenizers::vocabularySize);
    Torch.requireDevice("runtime.device", config.runtime().device());
    return config;
  }
}
