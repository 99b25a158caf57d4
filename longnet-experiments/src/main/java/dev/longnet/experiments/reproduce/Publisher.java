// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultsPage;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// Writes what experiments found: tables as Markdown and JSON, plots as SVG, and a project's page
/// of results.
///
/// @param folder takes all of them
/// @param project its page shows them too; empty: none does
public record Publisher(Path folder, Optional<Project> project) {
  /// A checkout of this project.
  ///
  /// @param page RESULTS.md
  /// @param measurements the folder of its tables
  /// @param plots the folder of its plots
  public record Project(Path page, Path measurements, Path plots) {
    /// The project in a directory; empty where there is none.
    public static Optional<Project> in(Path directory) {
      Path docs = directory.resolve("docs");
      Project project =
          new Project(directory.resolve("RESULTS.md"), docs.resolve("measurements"), docs);
      return Files.isRegularFile(project.page) && Files.isDirectory(project.measurements)
          ? Optional.of(project)
          : Optional.empty();
    }
  }

  /// @return the files that it wrote
  public List<Path> publish(List<Findings> all) throws IOException {
    List<Path> written = new ArrayList<>();
    for (Findings findings : all) {
      for (ResultTable table : findings.tables()) {
        Path markdown = folder.resolve(table.name() + ".md");
        AtomicFiles.writeString(markdown, table.toMarkdown());
        TableJson.write(folder.resolve(table.name() + ".json"), table);
        written.add(markdown);
      }
      for (Findings.Plot plot : findings.plots()) {
        Path file = folder.resolve(plot.name() + ".svg");
        AtomicFiles.writeString(file, plot.chart().svg());
        written.add(file);
      }
    }
    if (project.isPresent()) {
      publish(project.get(), all);
      written.add(project.get().page);
    }
    return written;
  }

  /// Tables that the page has no place for stay out of it.
  private static void publish(Project project, List<Findings> all) throws IOException {
    String page = Texts.read(project.page);
    for (Findings findings : all) {
      for (ResultTable table : findings.tables()) {
        if (page.contains("<!-- table:" + table.name() + " -->")) {
          TableJson.write(project.measurements.resolve(table.name() + ".json"), table);
        }
      }
      for (Findings.Plot plot : findings.plots()) {
        AtomicFiles.writeString(
            project.plots.resolve("evidence-" + plot.name() + ".svg"), plot.chart().svg());
      }
    }
    Path paper = project.measurements.resolve("paper.json");
    if (Files.isRegularFile(paper)) {
      List<Findings.PaperCell> cells =
          all.stream().flatMap(findings -> findings.paper().stream()).toList();
      TableJson.write(paper, filled(TableJson.read(paper), cells));
    }
    ResultsPage.read(project.page, project.measurements).write();
  }

  /// The table of the paper's sentences with what was measured now.
  static ResultTable filled(ResultTable paper, List<Findings.PaperCell> cells) {
    ResultTable.Content content = paper.content();
    List<List<String>> rows = new ArrayList<>();
    for (List<String> row : content.rows()) {
      rows.add(
          cells.stream()
              .filter(cell -> row.getFirst().startsWith(cell.claim()))
              .findFirst()
              .map(cell -> filled(row.getFirst(), cell))
              .orElse(row));
    }
    for (Findings.PaperCell cell : cells) {
      if (content.rows().stream().noneMatch(row -> row.getFirst().startsWith(cell.claim()))) {
        throw new IllegalStateException(
            "the paper's table has no row that begins: " + cell.claim());
      }
    }
    return new ResultTable(
        paper.name(),
        paper.claim(),
        paper.measured(),
        new ResultTable.Content(content.columns(), rows, content.notes()));
  }

  private static List<String> filled(String sentence, Findings.PaperCell cell) {
    Measured from = cell.from().measured();
    Measured.Machine machine = from.machine();
    String cores =
        machine.cores().isEmpty()
            ? ""
            : String.format(Locale.ROOT, ", %d cores", machine.cores().getAsInt());
    return ResultTable.row(
        sentence,
        cell.ours(),
        from.command(),
        machine.cpu() + cores,
        from.commit(),
        from.date().replaceFirst("T.*", ""));
  }
}
