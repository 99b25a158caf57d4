// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/// A text whose far is known: aligned genomes, where one species' letters tell the next one's, from
/// a block's length away. Bits a base by the length of the window. The user brings the genomes.
public final class Dna implements Reproduction {
  private static final String NAME = "dna";

  /// Growth of the paper's segments, as of the windows.
  private static final int GROWTH = 4;

  private static List<Integer> lengths(Scale scale) {
    return switch (scale) {
      case QUICK -> List.of(128, 512, 2048);
      case MACHINE, GPU -> List.of(512, 2048, 8192, 32768);
    };
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "bits a base of aligned genomes by window length; --corpus names them";
  }

  private static List<Row> rows(Scale scale) {
    int longest = lengths(scale).getLast();
    return List.of(
        new Row(Attention.DENSE, lengths(scale).getFirst()),
        new Row(Attention.OURS, longest),
        new Row(Attention.PAPER, longest));
  }

  @Override
  public Optional<FieldMessage> lacks(Setting setting) {
    return setting.corpus().isEmpty()
        ? Optional.of(
            FieldMessage.of(
                "dna needs %s: aligned genomes as FASTA, a record a block (docs/reproduce.md says how to make"
                    + " them of Debian's package maffilter-examples)",
                Field.of("corpus")))
        : Optional.empty();
  }

  private static ModelRecipe recipe(Setting setting, Row row, long seed) {
    String sources =
        setting.corpus().stream()
            .map(Path::toAbsolutePath)
            .map(Path::normalize)
            .map(path ->
                String.format(
                    Locale.ROOT,
                    "{path: '%s', case: upper, unknown: skip}",
                    path.toString().replace("'", "''")))
            .collect(Collectors.joining(", ", "[", "]"));
    int shortest = lengths(setting.scale()).getFirst();
    List<String> overrides = new ArrayList<>();
    if (!setting.corpus().isEmpty()) {
      overrides.add("corpus.sources=" + sources);
    }
    if (setting.scale() == Scale.GPU) {
      overrides.add("runtime.device=cuda");
    }
    overrides.add(
        "model.attention="
            + LanguageModels.attention(row.attention(), shortest, GROWTH, row.length()));
    overrides.addAll(
        LanguageModels.windows(
            shortest, row.length(), lengths(setting.scale()), LanguageModels.MANY_LONG));
    return new ModelRecipe(
        setting.id(NAME, row.name(), seed),
        setting.scale() == Scale.QUICK ? "dna-quick" : "dna",
        overrides);
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (long seed : setting.seedsUnlessQuick(Table2.MOST_SEEDS)) {
      for (Row row : rows(setting.scale())) {
        ModelRecipe recipe = recipe(setting, row, seed);
        jobs.add(
            Job.of(
                recipe,
                LanguageModels.measuringFlops(setting.config(recipe), lengths(setting.scale()))));
      }
    }
    return jobs;
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    HeldOutLosses.measure(model, lengths(setting.scale()), figures);
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    List<Integer> lengths = lengths(setting.scale());
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("row"));
    columns.add(Column.text("attention"));
    columns.add(Column.integer("trained at", "bases"));
    columns.add(Column.number("parameters", "M", 3));
    columns.add(Column.number("forward pass", "MFLOP a base", 3));
    for (int length : lengths) {
      columns.add(Column.number(String.format(Locale.ROOT, "at %,d", length), "bits a base", 4));
    }
    columns.add(Column.number("deviation over seeds", "", 2));
    columns.add(Column.integer("seeds", ""));
    columns.add(Column.number("hours a run", "", 2));
    List<List<String>> cells = new ArrayList<>();
    List<Evidence> all = new ArrayList<>();
    List<LineChart.Line> lines = new ArrayList<>();
    double[] x = lengths.stream().mapToDouble(Integer::doubleValue).toArray();
    for (Row row : rows(setting.scale())) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      all.addAll(runs);
      // Beyond its trained length a dense model means nothing: there it looks at blocks.
      double[] bits =
          lengths.stream()
              .mapToDouble(length -> Table2.mean(runs, length, length > row.length()))
              .toArray();
      RunConfig config = setting.config(recipe(setting, row, 1));
      List<Object> cell = new ArrayList<>();
      cell.add(row.name());
      cell.add(row.attention().title);
      cell.add(row.length());
      cell.add(new ModelCost(config.model()).parameters() / 1e6);
      cell.add(LanguageModels.forwardFlops(config) / 1e6);
      for (double value : bits) {
        cell.add(value);
      }
      cell.add(Table2.deviation(runs, row.length()));
      cell.add(runs.size());
      cell.add(Evidence.meanHours(runs));
      cells.add(ResultTable.row(cell.toArray()));
      if (!runs.isEmpty()) {
        lines.add(new LineChart.Line(row.name(), x, bits));
      }
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        "Held-out blocks of an alignment, the same ones for all rows; a dense model beyond its"
            + " trained length with blockwise attention. Letters without a model take 2 bits.");
    notes.addAll(evidence.missing(jobs(setting)));
    ResultTable table =
        new ResultTable(
            NAME,
            "Longer windows reach the species before: a base needs fewer bits.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(columns, cells, notes));
    return new Findings(
        List.of(table),
        List.of(
            new Findings.Plot(
                NAME,
                new LineChart("Bits a base by the window", "bases", "bits a base", false, lines))),
        List.of());
  }
}
