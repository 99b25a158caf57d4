// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.experiments.train.ProfileExperiment;
import dev.longnet.experiments.train.Python;
import dev.longnet.experiments.train.StepTiming;
import dev.longnet.experiments.train.TrainingBenchmark;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
import dev.longnet.experiments.train.TrainingTable;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench train`: whole training steps beside the machine's matrix-product rate and beside
/// PyTorch, or where their time goes.
@Command(
    name = "train",
    description =
        "Training steps of a recipe's model: tokens/s, share of the matrix-product rate, memory, PyTorch beside it.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A step is one sequence of the recipe's window through forward pass, backward pass and "
          + "optimizer. FLOPs are the model's",
      "(products and attention pairs; backward twice, attention's 2.5 times forward); what "
          + "is computed again counts once. The",
      "rate of large matrix products in the same precision is measured between the steps. The loss must fall.",
      "",
      "Where a Python imports torch, PyTorch takes steps of the same model in turns, eager and compiled. It is given our first",
      "weights and tokens and must compute our first loss. docs/profile.md says more, and how to read a profile.",
      "",
      "Examples:",
      "  longnet bench train",
      "  longnet bench train --recipe quickstart,hidden-256 --python venv/bin/python",
      "  longnet bench train --profile",
      "  longnet bench train --recipe base-125m --window 8192 --json bench.json",
      "  longnet bench train --recipe base-125m --window 32768 --precision bf16 --set "
          + "runtime.activation_checkpointing=true"
    })
final class BenchTrainCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

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
      names = "--steps",
      paramLabel = "COUNT",
      description = "Timed steps (default: ${DEFAULT-VALUE}).")
  int steps = 5;

  @Option(
      names = "--warm-up",
      paramLabel = "SECONDS",
      description = "How long steps run before they are timed (default: ${DEFAULT-VALUE}).")
  double warmUp = 25;

  @Option(
      names = "--set",
      paramLabel = "PATH=VALUE",
      description = "Changes one key of the recipe; repeatable.")
  List<String> overrides = List.of();

  @Option(
      names = "--python",
      paramLabel = "PATH|none",
      description =
          "The Python whose PyTorch is compared with (default: the variable LONGNET_PYTHON, else python3).")
  String python;

  @Option(
      names = "--profile",
      description = "Show where a step's time goes instead; PyTorch is not run.")
  boolean profile;

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    if (profile && python != null) {
      throw new IllegalArgumentException("--profile is about our steps alone: leave out --python");
    }
    StepTiming timing = new StepTiming(steps, warmUp);
    PrintWriter out = spec.commandLine().getOut();
    List<RunConfig> configs = new ArrayList<>();
    for (String recipe : recipes) {
      for (Precision precision : precisions) {
        configs.add(config(recipe, precision));
      }
    }
    if (profile) {
      results.run(
          ProfileExperiment.experiment(
              configs,
              timing,
              ResultOptions.progress(spec),
              result -> BenchTrainDisplay.profile(out, result)),
          spec);
      return 0;
    }
    List<Result> all = new ArrayList<>();
    results.run(
        TrainingBenchmark.experiment(
            configs,
            timing,
            Python.find(python),
            ResultOptions.progress(spec),
            result -> {
              if (all.isEmpty()) {
                BenchTrainDisplay.heading(out);
              }
              all.add(result);
              BenchTrainDisplay.row(out, result);
            }),
        spec);
    TrainingTable.notes(all).forEach(out::println);
    return 0;
  }

  private RunConfig config(String recipe, Precision precision) throws IOException {
    List<String> all = new ArrayList<>(overrides);
    all.add("runtime.precision=" + precision.name().toLowerCase(Locale.ROOT));
    if (window != null) {
      // One sequence is a step here; the recipe's evaluation lengths need not fit the window.
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
