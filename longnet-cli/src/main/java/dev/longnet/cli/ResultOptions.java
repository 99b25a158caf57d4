// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/// What the commands of `longnet bench` share: their table as a file, and lines of progress.
final class ResultOptions {
  @Option(
      names = "--json",
      paramLabel = "FILE",
      description = "Also write the table to this file, for longnet bench results.")
  @Nullable Path json;

  /// @throws IllegalArgumentException when the file could not be written
  void check() throws IOException {
    AtomicFiles.check("--json", json);
  }

  ResultTable run(Experiment experiment, CommandSpec spec) throws IOException {
    return experiment.run(measured(experiment, spec), Optional.ofNullable(json));
  }

  static Measured measured(Experiment experiment, CommandSpec spec) {
    List<String> words = new ArrayList<>(List.of(spec.root().name()));
    for (String word : spec.commandLine().getParseResult().originalArgs()) {
      words.add(word.matches("[\\w./:,=+-]+") ? word : "'" + word.replace("'", "'\\''") + "'");
    }
    return Measured.here(String.join(" ", words), experiment.seeds());
  }

  /// Prints each line to standard error.
  static Consumer<String> progress(CommandSpec spec) {
    return line -> {
      spec.commandLine().getErr().println(line);
      spec.commandLine().getErr().flush();
    };
  }
}
