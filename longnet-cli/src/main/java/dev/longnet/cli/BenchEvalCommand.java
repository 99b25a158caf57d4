// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.experiments.train.PassBenchmark;
import dev.longnet.experiments.train.PassBenchmark.Result;
import dev.longnet.experiments.train.StepTiming;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench eval`: whole passes without gradients beside the machine's matrix-product rate.
@Command(
    name = "eval",
    description =
        "Passes without gradients of a recipe's model: tokens/s, share of the matrix-product rate.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "A pass goes through a model with random weights. It gives the loss of each token, as longnet eval's passes do, of as many",
      "of the recipe's windows at once as there; or the logits of one window, as longnet logits' passes do, which take 4 bytes",
      "for each token and id. Before they are timed, the losses must be those of the logits. The rate of large matrix products",
      "in the same precision is measured between the passes.",
      "",
      "Examples:",
      "  longnet bench eval",
      "  longnet bench eval --recipe quickstart,hidden-256 --json eval.json"
    })
final class BenchEvalCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Mixin BenchRecipes recipes;

  @Option(
      names = "--passes",
      paramLabel = "COUNT",
      description = "Timed passes of each kind (default: ${DEFAULT-VALUE}).")
  int passes = 20;

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    StepTiming timing = new StepTiming("passes", passes, recipes.warmUp);
    PrintWriter out = spec.commandLine().getOut();
    AtomicBoolean begun = new AtomicBoolean();
    results.run(
        PassBenchmark.experiment(
            recipes.configs(),
            timing,
            ResultOptions.progress(spec),
            result -> {
              if (begun.compareAndSet(false, true)) {
                heading(out);
              }
              row(out, result);
            }),
        spec);
    return 0;
  }

  private static void heading(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %-7s %8s %8s %10s %9s %10s %9s %9s %7s%n",
        "recipe",
        "type",
        "pass",
        "N",
        "windows",
        "parameters",
        "time",
        "tokens/s",
        "GFLOP/s",
        "products",
        "share");
  }

  private static void row(PrintWriter out, Result r) {
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %-7s %,8d %8d %,9.2fM %7.4f s %,10.0f %9.1f %9.1f %6.1f%%%n",
        r.name(),
        r.precision().name().toLowerCase(Locale.ROOT),
        r.pass().name().toLowerCase(Locale.ROOT),
        r.window(),
        r.sequences(),
        r.parameters() / 1e6,
        r.seconds(),
        r.tokensPerSecond(),
        r.flops() / r.seconds() / 1e9,
        r.rate() / 1e9,
        100 * r.share());
    out.flush();
  }
}
