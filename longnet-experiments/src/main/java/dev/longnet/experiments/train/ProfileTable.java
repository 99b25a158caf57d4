// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.train.ProfileExperiment.Result;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Results of [ProfileExperiment] as a table.
final class ProfileTable {
  private ProfileTable() {}

  static ResultTable.Content of(List<Result> results) {
    List<List<String>> rows = new ArrayList<>();
    List<String> notes = new ArrayList<>();
    for (Result result : results) {
      String type = result.precision().name().toLowerCase(Locale.ROOT);
      for (Result.Line line : result.lines()) {
        rows.add(
            ResultTable.row(
                result.name(),
                type,
                line.within() ? "attention: " + line.what() : line.what(),
                result.report().milliseconds(line.nanos()),
                line.bytes(),
                100 * result.report().share(line.nanos())));
      }
      notes.add(
          String.format(
              Locale.ROOT,
              "%s, %s: a step takes %.2f ms, the mean of %d; %d threads",
              result.name(),
              type,
              result.stepMilliseconds(),
              result.report().steps(),
              result.report().threads()));
    }
    notes.add(
        "Milliseconds are the threads' time divided by the threads: the parts add up to the step. Rows of attention's branches are shares of its row.");
    return new ResultTable.Content(
        List.of(
            Column.text("recipe"),
            Column.text("type"),
            Column.text("part"),
            Column.number("time", "ms", 3),
            Column.integer("memory", "bytes"),
            Column.number("share", "%", 3)),
        rows,
        notes);
  }
}
