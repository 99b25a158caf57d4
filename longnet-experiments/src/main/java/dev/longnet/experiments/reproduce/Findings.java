// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.results.ResultTable;
import java.util.List;

/// What an experiment found so far.
///
/// @param tables each with a name of its own, as files have it
/// @param plots likewise; those without a line are left out, as nothing was measured
/// @param paper sentences for the table *the paper and this project*
public record Findings(List<ResultTable> tables, List<Plot> plots, List<PaperCell> paper) {
  public Findings {
    tables = List.copyOf(tables);
    plots = plots.stream().filter(plot -> !plot.chart.lines().isEmpty()).toList();
    paper = List.copyOf(paper);
  }

  /// @param name of its file, without the ending
  public record Plot(String name, LineChart chart) {}

  /// What this project has to say about one sentence of the paper.
  ///
  /// @param claim how the row of the paper's table begins
  /// @param ours one line
  /// @param from the table it was read from: its origin is the cell's
  public record PaperCell(String claim, String ours, ResultTable from) {}
}
