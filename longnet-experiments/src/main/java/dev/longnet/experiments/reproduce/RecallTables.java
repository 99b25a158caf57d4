// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.source.RecallText;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// What [Recall]'s evidence says: its tables, claims and plots.
record RecallTables(Setting setting, EvidenceSet evidence) {
  /// Of the pairs of every octave.
  private static final double MQAR_GOAL = 0.95;

  /// Of the needles of every cell.
  private static final double NEEDLE_GOAL = 0.90;

  /// Twice what guessing gets: few answers differ from it by chance.
  private static final double CHANCE = 2.0 / (256 - RecallText.VALUES);

  /// @param missing which runs are not there yet, in words
  Findings findings(List<String> missing) throws IOException {
    return new Findings(List.of(pairs(missing), needles(), claims()), plots(), List.of());
  }

  private List<Evidence> runs(Attention attention) {
    return evidence.row(setting, Recall.NAME, Recall.row(attention));
  }

  /// Shares of right answers by octave, over seeds; NaN where nothing was asked.
  private static double[] mqar(List<Evidence> runs, int octaves) {
    double[] asked = new double[octaves];
    double[] right = new double[octaves];
    for (Evidence run : runs) {
      JsonNode node = run.figures().path("mqar");
      for (int i = 0; i < octaves; i++) {
        asked[i] += node.path("asked").path(i).asDouble();
        right[i] += node.path("right").path(i).asDouble();
      }
    }
    double[] shares = new double[octaves];
    for (int i = 0; i < octaves; i++) {
      shares[i] = right[i] / asked[i];
    }
    return shares;
  }

  /// Shares of right answers of a length by depth, over seeds; NaN where nothing was asked.
  private static double[] needle(List<Evidence> runs, int length) {
    double[] right = new double[Recall.DEPTHS];
    double asked = 0;
    for (Evidence run : runs) {
      for (JsonNode row : run.figures().path("needle").path("lengths")) {
        if (row.path("tokens").asInt() == length) {
          asked += run.figures().path("needle").path("needles").asDouble();
          for (int d = 0; d < Recall.DEPTHS; d++) {
            right[d] += row.path("right").path(d).asDouble();
          }
        }
      }
    }
    double all = asked;
    return Arrays.stream(right).map(r -> r / all).toArray();
  }

  private ResultTable table(
      String name,
      String claim,
      List<Column> columns,
      List<List<String>> cells,
      List<String> notes) {
    List<Evidence> all = new ArrayList<>();
    for (Attention attention : Recall.ROWS) {
      all.addAll(runs(attention));
    }
    return new ResultTable(
        name,
        claim,
        EvidenceSet.origin(Table2.command(setting, Recall.NAME), all),
        new ResultTable.Content(columns, cells, notes));
  }

  private ResultTable pairs(List<String> missing) throws IOException {
    Recall.Size size = Recall.Size.of(setting.scale());
    List<Integer> octaves = size.octaves();
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("row"));
    columns.add(Column.text("attention"));
    columns.add(Column.number("parameters", "M", 3));
    columns.add(Column.number("query-key pairs", "MFLOP a token", 3));
    columns.add(Column.number("training", "M tokens", 3));
    for (int from : octaves) {
      columns.add(
          Column.number(String.format(Locale.ROOT, "%,d to %,d", from, 2 * from - 1), "%", 1));
    }
    columns.add(Column.integer("seeds", ""));
    columns.add(Column.number("hours a run", "", 2));
    List<List<String>> cells = new ArrayList<>();
    for (Attention attention : Recall.ROWS) {
      RunConfig config = setting.config(Recall.recipe(setting, attention, 1));
      List<Evidence> runs = runs(attention);
      List<Object> row = new ArrayList<>();
      row.add(Recall.row(attention));
      row.add(attention == Attention.SPARSE ? "sparse" : attention.title);
      row.add(new ModelCost(config.model()).parameters() / 1e6);
      row.add(LanguageModels.attentionFlops(config, size.tokens()) / 1e6);
      row.add(LanguageModels.tokens(config) / 1e6);
      for (double share : mqar(runs, octaves.size())) {
        row.add(100 * share);
      }
      row.add(runs.size());
      row.add(Evidence.meanHours(runs));
      cells.add(ResultTable.row(row.toArray()));
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "Percent of the values that are given, by the distance to their pair: %,d pairs"
                + " at the beginning of %,d tokens, each asked for once.",
            size.pairs(),
            size.tokens()));
    notes.add(
        "Operations of query-key pairs in such a sequence. Columns of sparse attention are a power"
            + " of two: as many as come closest to LongNet's (paper) pairs at the longest length.");
    notes.add(
        "All rows see the same text in the same windows. Losses of all tokens are trained on.");
    notes.addAll(missing);
    return table(
        Recall.NAME,
        "One full-range head in one layer recalls pairs at every distance; near segments alone"
            + " recalls none beyond its reach.",
        columns,
        cells,
        notes);
  }

  private ResultTable needles() {
    Recall.Size size = Recall.Size.of(setting.scale());
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("row"));
    columns.add(Column.integer("length", "tokens"));
    for (int d = 0; d < Recall.DEPTHS; d++) {
      columns.add(Column.number("depth " + Recall.depth(d), "%", 1));
    }
    columns.add(Column.integer("seeds", ""));
    List<List<String>> cells = new ArrayList<>();
    for (Attention attention : Recall.ROWS) {
      List<Evidence> runs = runs(attention);
      for (int length : size.lengths()) {
        List<Object> row = new ArrayList<>();
        row.add(Recall.row(attention));
        row.add(length);
        for (double share : needle(runs, length)) {
          row.add(100 * share);
        }
        row.add(runs.size());
        cells.add(ResultTable.row(row.toArray()));
      }
    }
    return table(
        "recall-needle",
        "A pair anywhere in a long text is found at its end.",
        columns,
        cells,
        List.of(
            String.format(
                Locale.ROOT,
                "Percent of %d needles a cell and seed that are found, by their depth: 0 is the"
                    + " beginning, 1 lies right before the question.",
                size.needles())));
  }

  private ResultTable claims() throws IOException {
    Recall.Size size = Recall.Size.of(setting.scale());
    List<Integer> octaves = size.octaves();
    List<Evidence> ours = runs(Attention.OURS);
    List<Evidence> near = runs(Attention.NEAR);
    int reach = nearReach();
    int beyond = (int) octaves.stream().filter(from -> from < reach).count();
    double leastPair = Arrays.stream(mqar(ours, octaves.size())).min().orElse(Double.NaN);
    double guessed =
        Arrays.stream(mqar(near, octaves.size())).skip(beyond).max().orElse(Double.NaN);
    double leastNeedle =
        size.lengths().stream()
            .flatMapToDouble(length -> Arrays.stream(needle(ours, length)))
            .reduce(Double.POSITIVE_INFINITY, Math::min);
    List<List<String>> cells =
        List.of(
            claim(
                String.format(
                    Locale.ROOT, "ours recalls at least %.0f %% in every octave", 100 * MQAR_GOAL),
                leastPair,
                leastPair >= MQAR_GOAL,
                ours.size()),
            claim(
                String.format(
                    Locale.ROOT,
                    "near recalls at most %.1f %%, twice chance, in every octave from %,d on: its layers"
                        + " reach %,d",
                    100 * CHANCE,
                    octaves.get(Math.min(beyond, octaves.size() - 1)),
                    reach),
                guessed,
                guessed <= CHANCE,
                near.size()),
            claim(
                String.format(
                    Locale.ROOT,
                    "ours finds at least %.0f %% of the needles of each of %d cells",
                    100 * NEEDLE_GOAL,
                    Recall.DEPTHS * size.lengths().size()),
                leastNeedle,
                leastNeedle >= NEEDLE_GOAL,
                ours.size()));
    return table(
        "recall-claims",
        "",
        List.of(
            Column.text("claim"),
            Column.number("measured", "%", 1),
            Column.integer("seeds", ""),
            Column.text("verdict")),
        cells,
        List.of("Measured is the worst octave or cell, over all seeds together."));
  }

  private static List<String> claim(String text, double measured, boolean reached, int seeds) {
    return ResultTable.row(
        text,
        100 * measured,
        seeds,
        seeds == 0 ? "not measured" : reached ? "reached" : "not reached");
  }

  /// Tokens that anything can travel through the near rows' windows and convolutions, layer by
  /// layer.
  private int nearReach() throws IOException {
    RunConfig config = setting.config(Recall.recipe(setting, Attention.NEAR, 1));
    long window = config.model().mixers().getFirst().longestSegment().orElseThrow();
    return Math.toIntExact(config.model().layers() * (window + config.model().shortConvolution()));
  }

  private List<Findings.Plot> plots() {
    Recall.Size size = Recall.Size.of(setting.scale());
    double[] octaves = size.octaves().stream().mapToDouble(Integer::doubleValue).toArray();
    double[] lengths = size.lengths().stream().mapToDouble(Integer::doubleValue).toArray();
    List<LineChart.Line> pairs = new ArrayList<>();
    List<LineChart.Line> needles = new ArrayList<>();
    for (Attention attention : Recall.ROWS) {
      List<Evidence> runs = runs(attention);
      if (!runs.isEmpty()) {
        pairs.add(
            new LineChart.Line(
                Recall.row(attention),
                octaves,
                Arrays.stream(mqar(runs, octaves.length)).map(share -> 100 * share).toArray()));
        needles.add(
            new LineChart.Line(
                Recall.row(attention),
                lengths,
                Arrays.stream(lengths)
                    .map(n -> 100 * Arrays.stream(needle(runs, (int) n)).average().orElse(0))
                    .toArray()));
      }
    }
    return List.of(
        new Findings.Plot(
            Recall.NAME,
            new LineChart(
                "Pairs recalled by their distance",
                "distance from, tokens",
                "recalled, %",
                false,
                pairs)),
        new Findings.Plot(
            "recall-needle",
            new LineChart(
                "Needles found, mean over depths", "length, tokens", "found, %", false, needles)));
  }
}
