// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.results;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.function.Consumer;

/// A measurement that can prove a claim wrong.
///
/// @param name such as `attention`, in lower case
/// @param claim one sentence: what the table should show
/// @param seeds of all random numbers in it
/// @param run measures
public record Experiment(String name, String claim, List<Long> seeds, Run run) {
  /// What an experiment does. It checks its results before it times them.
  @FunctionalInterface
  public interface Run {
    /// @param soFar takes what a run that is cut off here should leave, as often as it likes
    /// @return the whole table
    ResultTable.Content run(Consumer<ResultTable.Content> soFar) throws IOException;
  }

  public Experiment {
    seeds = List.copyOf(seeds);
    if (claim.isBlank()) {
      throw new IllegalArgumentException("an experiment needs a claim: " + name);
    }
  }

  /// Measures, and writes the table where `json` names a file: also while it goes on, whole each
  /// time.
  public ResultTable run(Measured measured, Optional<Path> json) throws IOException {
    ResultTable table =
        new ResultTable(name, claim, measured, run.run(content -> write(measured, content, json)));
    write(measured, table.content(), json);
    return table;
  }

  private void write(Measured measured, ResultTable.Content content, Optional<Path> json) {
    json.ifPresent(file -> {
      try {
        TableJson.write(file, new ResultTable(name, claim, measured, content));
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    });
  }
}
