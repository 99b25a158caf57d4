// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.experiments.results.ResultsPage;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench results`: the tables of RESULTS.md from the files that benchmarks wrote.
@Command(
    name = "results",
    description = "Writes the tables of RESULTS.md from the JSON files of benchmarks.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "The table NAME is NAME.json, as a benchmark's --json writes it. It stands in the page between the lines",
      "<!-- table:NAME --> and <!-- /table -->; all other lines stay as they are. Every file "
          + "needs its two lines, every two",
      "lines their file.",
      "",
      "Examples:",
      "  longnet bench train --json docs/measurements/train.json",
      "  longnet bench results",
      "  longnet bench results --check"
    })
final class BenchResultsCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(
      names = "--dir",
      paramLabel = "DIR",
      description = "Where the JSON files lie (default: ${DEFAULT-VALUE}).")
  Path dir = Path.of("docs", "measurements");

  @Option(
      names = "--out",
      paramLabel = "FILE",
      description = "The page (default: ${DEFAULT-VALUE}).")
  Path out = Path.of("RESULTS.md");

  @Option(
      names = "--check",
      description = "Write nothing; fail (exit code 2) when the page is not what the files say.")
  boolean check;

  @Override
  public Integer call() throws IOException {
    ResultsPage page = ResultsPage.read(out, dir);
    if (check && !page.isCurrent()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s differs from the tables in %s: run longnet bench results",
              out,
              dir));
    }
    if (!page.isCurrent()) {
      page.write();
    }
    spec.commandLine()
        .getOut()
        .println(out + (check || page.isCurrent() ? " is as its tables say" : ": tables written"));
    return 0;
  }
}
