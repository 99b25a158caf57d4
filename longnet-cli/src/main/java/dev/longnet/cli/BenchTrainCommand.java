// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.experiments.train.TrainingBenchmark;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
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

/// `longnet bench train`: whole training steps beside the machine's matrix-product rate.
@Command(
    name = "train",
    description =
        "Training steps of a recipe's model: tokens/s, FLOP/s, share of the matrix-product rate, memory.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A step is one sequence of the recipe's window through forward pass, backward pass and "
          + "optimizer. FLOPs are the model's",
      "(products and attention pairs; backward twice, attention's 2.5 times forward); what "
          + "is computed again counts once. The",
      "rate of large matrix products in the same precision is measured between the steps. The loss must fall.",
      "",
      "Examples:",
      "  longnet bench train",
      "  longnet bench train --recipe base-125m --window 8192 --json bench.json",
      "  longnet bench train --recipe base-125m --window 32768 --precision bf16 --set "
          + "runtime.activation_checkpointing=true"
    })
final class BenchTrainCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(
      names = "--recipe",
      paramLabel = "NAME|FILE",
      description = "Whose model, window and runtime (default: ${DEFAULT-VALUE}).")
  String recipe = "quickstart";

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
      description = "Timed steps, after two that warm up (default: ${DEFAULT-VALUE}).")
  int steps = 5;

  @Option(
      names = "--set",
      paramLabel = "PATH=VALUE",
      description = "Changes one key of the recipe; repeatable.")
  List<String> overrides = List.of();

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    PrintWriter out = spec.commandLine().getOut();
    List<RunConfig> configs = new ArrayList<>();
    for (Precision precision : precisions) {
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
      configs.add(config);
    }
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %8s %10s %9s %9s %9s %10s %9s %11s%n",
        "recipe",
        "type",
        "N",
        "parameters",
        "step",
        "tokens/s",
        "GFLOP/s",
        "products",
        "share",
        "peak memory");
    results.run(
        TrainingBenchmark.experiment(
            configs, steps, ResultOptions.progress(spec), result -> show(out, result)),
        spec);
    return 0;
  }

  private static void show(PrintWriter out, Result r) {
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %,8d %,9.2fM %7.3f s %,9.0f %9.1f %10.1f %8.1f%% %11s%n",
        r.name(),
        r.precision().name().toLowerCase(Locale.ROOT),
        r.window(),
        r.parameters() / 1e6,
        r.seconds(),
        r.tokensPerSecond(),
        r.flops() / r.seconds() / 1e9,
        r.rate() / 1e9,
        100 * r.share(),
        r.peakBytes().isPresent()
            ? String.format(
                Locale.ROOT, "%.2f GiB", r.peakBytes().getAsLong() / (double) (1L << 30))
            : "unknown");
    out.flush();
  }
}
