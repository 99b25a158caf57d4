// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.experiments.ranks.RanksBenchmark;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench ranks`: what `longnet plan` wants to know of this machine.
@Command(
    name = "ranks",
    description =
        "Rates of one rank, exchanges between two, and steps of ranks beside one process with as many threads.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Folds are checked against a float64 oracle, exchanges byte by byte, and the ranks' losses against those of one process.",
      "longnet plan --calibration takes the table that --json writes (docs/plan.md).",
      "",
      "Examples:",
      "  longnet bench ranks --json here.json",
      "  longnet plan --recipe base-125m --ranks 2 --calibration here.json",
      "  longnet bench ranks --ranks 4 --window 8192 --steps 5"
    })
final class BenchRanksCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(
      names = "--ranks",
      paramLabel = "R",
      description = "Processes of one thread each (default: ${DEFAULT-VALUE}).")
  int ranks = 2;

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Tokens of a step's only window (default: ${DEFAULT-VALUE}).")
  int window = 32_768;

  @Option(
      names = "--hidden",
      paramLabel = "C",
      description = "Width of the model, a multiple of 64 (default: ${DEFAULT-VALUE}).")
  int hidden = 256;

  @Option(
      names = "--steps",
      paramLabel = "COUNT",
      description = "Timed steps (default: ${DEFAULT-VALUE}).")
  int steps = 3;

  @Option(
      names = "--rounds",
      paramLabel = "COUNT",
      description = "Samples of everything else (default: ${DEFAULT-VALUE}).")
  int rounds = 5;

  @Option(
      names = "--exchange",
      paramLabel = "BYTES",
      converter = Bytes.class,
      description = "The larger exchange; the smaller has 64KiB (default: 64MiB).")
  long largeBytes = 64L << 20;

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    RanksBenchmark benchmark =
        new RanksBenchmark(
            new RanksBenchmark.Settings(
                ranks,
                window,
                hidden,
                steps,
                rounds,
                largeBytes,
                System.getProperty("java.class.path")),
            ResultOptions.progress(spec));
    show(results.run(benchmark.experiment(), spec));
    return 0;
  }

  private void show(ResultTable table) {
    PrintWriter out = spec.commandLine().getOut();
    out.printf(Locale.ROOT, "%-16s %12s %14s %-9s %8s%n", "what", "size", "value", "", "spread");
    for (List<String> row : table.content().rows()) {
      out.printf(
          Locale.ROOT,
          "%-16s %,12d %,14.4g %-9s %8s%n",
          row.get(0),
          Long.parseLong(row.get(1)),
          Double.parseDouble(row.get(2)),
          row.get(3),
          row.get(4));
    }
    table.content().notes().forEach(out::println);
    out.flush();
  }
}
