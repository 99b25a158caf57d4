// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.report.RunReport;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet report RUN`: makes RUN/report.html and RUN/plots again.
@Command(
    name = "report",
    description = "Writes a run's report.html and plots again from the files in its directory.",
    mixinStandardHelpOptions = true,
    footer = {"", "Example:", "  longnet report runs/quickstart"})
final class ReportCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Parameters(
      paramLabel = "RUN",
      description = "the run's directory; the run may still be going on")
  Path run;

  @Override
  public Integer call() throws IOException {
    spec.commandLine().getOut().println(RunReport.write(run));
    spec.commandLine().getOut().flush();
    return 0;
  }
}
