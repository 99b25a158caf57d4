// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/// The paper's table 2: bits a byte of dense attention, sparse attention and LongNet by the length
/// that they are tested at.
public final class Table2 implements Reproduction {
  static final String NAME = "table2";

  /// Seeds of a row, at most.
  static final int MOST_SEEDS = 1000;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "dense, sparse, LongNet at three test lengths; plain and blockwise beyond the trained one";
  }

  /// Dense at the two shortest lengths; the others at all but the shortest.
  static List<Row> rows(Scale scale) {
    List<Integer> lengths = scale.lengths();
    List<Row> rows = new ArrayList<>();
    rows.add(new Row(Attention.DENSE, lengths.get(0)));
    rows.add(new Row(Attention.DENSE, lengths.get(1)));
    for (Attention attention : List.of(Attention.SPARSE, Attention.PAPER, Attention.OURS)) {
      for (int length : lengths.subList(1, lengths.size())) {
        rows.add(new Row(attention, length));
      }
    }
    return rows;
  }

  /// Most claims are about the shortest and the longest rows, and about dense and ours: they are
  /// trained first, with all seeds.
  private static final List<Attention> ORDER =
      List.of(Attention.DENSE, Attention.OURS, Attention.SPARSE, Attention.PAPER);

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    int middle = setting.scale().lengths().get(1);
    List<Job> jobs = new ArrayList<>();
    for (boolean later : List.of(false, true)) {
      List<Row> rows =
          rows(setting.scale()).stream()
              .filter(row -> later == (row.length() == middle))
              .sorted(Comparator.comparingInt(row -> ORDER.indexOf(row.attention())))
              .toList();
      for (long seed : setting.seeds(MOST_SEEDS)) {
        for (Row row : rows) {
          jobs.add(job(setting, NAME, row, seed));
        }
      }
    }
    return jobs;
  }

  /// A row that is trained and measured at all lengths.
  static Job job(Setting setting, String experiment, Row row, long seed) throws IOException {
    ModelRecipe recipe = LanguageModels.recipe(setting, experiment, row, seed);
    return Job.of(
        recipe, LanguageModels.measuringFlops(setting.config(recipe), setting.scale().lengths()));
  }

  @Override
  public void prepare(Setting setting, TokenizationListener listener) throws IOException {
    LanguageModels.prepare(setting, listener);
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    HeldOutLosses.measure(model, setting.scale().lengths(), figures);
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    ResultTable rows = table(setting, evidence);
    ResultTable claims = Table2Claims.table(setting, evidence);
    return new Findings(
        List.of(rows, claims), plots(setting, evidence), paper(setting, evidence, rows));
  }

  static String command(Setting setting, String experiment) {
    return "longnet reproduce "
        + experiment
        + (setting.scale() == Scale.MACHINE ? "" : " --scale " + setting.scale().label())
        + (setting.pilot() ? " --pilot" : "");
  }

  private static ResultTable table(Setting setting, EvidenceSet evidence) throws IOException {
    List<Integer> lengths = setting.scale().lengths();
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("row"));
    columns.add(Column.text("attention"));
    columns.add(Column.integer("trained at", "tokens"));
    columns.add(Column.number("parameters", "M", 3));
    columns.add(Column.number("query-key pairs", "MFLOP a token", 3));
    columns.add(Column.number("forward pass", "MFLOP a token", 3));
    columns.add(Column.number("training", "PFLOP", 3));
    for (int length : lengths) {
      columns.add(Column.number(String.format(Locale.ROOT, "at %,d", length), "bits a byte", 4));
    }
    for (int length : lengths.subList(1, lengths.size())) {
      columns.add(
          Column.number(String.format(Locale.ROOT, "blockwise at %,d", length), "bits a byte", 4));
    }
    columns.add(Column.number("deviation over seeds", "", 2));
    columns.add(Column.integer("seeds", ""));
    columns.add(Column.number("hours a run", "", 2));
    List<List<String>> cells = new ArrayList<>();
    List<Evidence> all = new ArrayList<>();
    for (Row row : rows(setting.scale())) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      all.addAll(runs);
      cells.add(cells(setting, row, runs));
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        "All rows see equally many tokens in equally large steps and differ in their attention and"
            + " their windows alone. All bits are of the same held-out bytes.");
    if (setting.scale() != Scale.GPU) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The first 60 %% of the steps are in windows of %,d tokens, %,d a step, in every row.",
              lengths.getFirst(),
              4 * lengths.getFirst()));
    }
    notes.add(
        "Operations count query-key pairs and weights, forward in a sequence of the trained length;"
            + " \"training\" is the whole run, forward and backward.");
    notes.add(
        "The deviation is that of the bits at the trained length. An empty cell was not measured.");
    notes.addAll(evidence.missing(new Table2().jobs(setting)));
    return new ResultTable(
        "table2",
        "LongNet (ours) needs fewer bits a byte than sparse attention at no more operations, gains"
            + " from longer tests, and stays whole beyond its trained length.",
        EvidenceSet.origin(command(setting, NAME), all),
        new ResultTable.Content(columns, cells, notes));
  }

  private static List<String> cells(Setting setting, Row row, List<Evidence> runs)
      throws IOException {
    RunConfig config = setting.config(LanguageModels.recipe(setting, NAME, row, 1));
    List<Object> cells = new ArrayList<>();
    cells.add(row.name());
    cells.add(row.attention().title);
    cells.add(row.length());
    cells.add(new ModelCost(config.model()).parameters() / 1e6);
    cells.add(LanguageModels.attentionFlops(config) / 1e6);
    cells.add(LanguageModels.forwardFlops(config) / 1e6);
    cells.add(LanguageModels.trainingFlops(config) / 1e15);
    List<Integer> lengths = setting.scale().lengths();
    for (int length : lengths) {
      cells.add(mean(runs, length, false));
    }
    for (int length : lengths.subList(1, lengths.size())) {
      cells.add(mean(runs, length, true));
    }
    cells.add(deviation(runs, row.length()));
    cells.add(runs.size());
    cells.add(Evidence.meanHours(runs));
    return ResultTable.row(cells.toArray());
  }

  /// Bits a byte over seeds; NaN where none was measured.
  static double mean(List<Evidence> runs, int length, boolean blockwise) {
    return runs.stream()
        .flatMap(run -> HeldOutLosses.bitsPerByte(run, length, blockwise).stream())
        .mapToDouble(Double::doubleValue)
        .average()
        .orElse(Double.NaN);
  }

  /// Of bits a byte over seeds; NaN for one.
  static double deviation(List<Evidence> runs, int length) {
    double[] bits =
        runs.stream()
            .flatMap(run -> HeldOutLosses.bitsPerByte(run, length, false).stream())
            .mapToDouble(Double::doubleValue)
            .toArray();
    double mean = mean(runs, length, false);
    double squares = 0;
    for (double value : bits) {
      squares += (value - mean) * (value - mean);
    }
    return bits.length < 2 ? Double.NaN : Math.sqrt(squares / (bits.length - 1));
  }

  private static List<Findings.Plot> plots(Setting setting, EvidenceSet evidence) {
    List<LineChart.Line> lines = new ArrayList<>();
    for (Row row : rows(setting.scale())) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      double[] x = setting.scale().lengths().stream().mapToDouble(Integer::doubleValue).toArray();
      double[] y =
          setting.scale().lengths().stream()
              .mapToDouble(length -> mean(runs, length, false))
              .toArray();
      if (!runs.isEmpty()) {
        lines.add(new LineChart.Line(row.name(), x, y));
      }
    }
    return List.of(
        new Findings.Plot(
            "table2",
            new LineChart("Bits a byte by tested length", "tokens", "bits a byte", false, lines)));
  }

  private static List<Findings.PaperCell> paper(
      Setting setting, EvidenceSet evidence, ResultTable table) {
    Scale scale = setting.scale();
    int longest = scale.lengths().getLast();
    List<Findings.PaperCell> cells = new ArrayList<>();
    sentence(
            setting,
            evidence,
            List.of(new Row(Attention.PAPER, longest), new Row(Attention.OURS, longest)))
        .ifPresent(
            s -> cells.add(new Findings.PaperCell("LongNet trained at 32K tokens", s, table)));
    sentence(
            setting,
            evidence,
            List.of(
                new Row(Attention.DENSE, scale.lengths().getFirst()),
                new Row(Attention.SPARSE, longest)))
        .ifPresent(s -> cells.add(new Findings.PaperCell("A Transformer trained at 2K", s, table)));
    int middle = scale.lengths().get(1);
    sentence(
            setting,
            evidence,
            List.of(
                new Row(Attention.PAPER, middle),
                new Row(Attention.OURS, middle),
                new Row(Attention.SPARSE, middle)))
        .ifPresent(s -> cells.add(new Findings.PaperCell("LongNet trained at 8K has", s, table)));
    return cells;
  }

  /// What rows need at all lengths; empty unless all of them were measured.
  private static Optional<String> sentence(Setting setting, EvidenceSet evidence, List<Row> rows) {
    List<String> parts = new ArrayList<>();
    for (Row row : rows) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      if (runs.isEmpty()) {
        return Optional.empty();
      }
      List<String> bits = new ArrayList<>();
      for (int length : setting.scale().lengths()) {
        bits.add(String.format(Locale.ROOT, "%.3f", mean(runs, length, false)));
      }
      parts.add(row.name() + " " + String.join(", ", bits));
    }
    String lengths =
        setting.scale().lengths().stream()
            .map(length -> String.format(Locale.ROOT, "%,d", length))
            .reduce((a, b) -> a + ", " + b)
            .orElse("");
    return Optional.of(
        "At a quarter of the lengths, bits a byte at "
            + lengths
            + " tokens: "
            + String.join("; ", parts)
            + ".");
  }
}
