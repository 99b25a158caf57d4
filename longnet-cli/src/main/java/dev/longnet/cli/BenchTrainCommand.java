// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.RunConfig;
import dev.longnet.experiments.train.ProfileExperiment;
import dev.longnet.experiments.train.Python;
import dev.longnet.experiments.train.StepTiming;
import dev.longnet.experiments.train.TrainingBenchmark;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
import dev.longnet.experiments.train.TrainingTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
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

  @Mixin BenchRecipes recipes;

  @Option(
      names = "--steps",
      paramLabel = "COUNT",
      description = "Timed steps (default: ${DEFAULT-VALUE}).")
  int steps = 5;

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
    StepTiming timing = new StepTiming("steps", steps, recipes.warmUp);
    PrintWriter out = spec.commandLine().getOut();
    List<RunConfig> configs = recipes.configs();
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
}
