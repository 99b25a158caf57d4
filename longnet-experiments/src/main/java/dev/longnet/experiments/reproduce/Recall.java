// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
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

/// Who remembers what, from how far away: many pairs at a sequence's beginning (MQAR, Zoology), and
/// one pair at any depth of a long sequence (a needle in a haystack). One model answers both; it is
/// trained on text that hides pairs and asks for them, at all distances.
public final class Recall implements Reproduction {
  private static final String NAME = "recall";

  /// How many seeds at most.
  private static int seeds(Scale scale) {
    return scale == Scale.QUICK ? 1 : 1000;
  }

  /// Of the pairs of every octave.
  private static final double MQAR_GOAL = 0.95;

  /// Of the needles of every cell.
  private static final double NEEDLE_GOAL = 0.90;

  /// Twice what guessing gets: few answers differ from it by chance.
  private static final double CHANCE = 2.0 / (256 - RecallText.VALUES);

  /// Of the paper's segments: with five of them the pattern covers the longest haystack.
  private static final int GROWTH = 4;

  private static final int DEPTHS = 9;

  /// Seeds of sequences that measure; the text that is trained on has others.
  private static final long MQAR_SEED = 1L << 40;

  private static final long NEEDLE_SEED = 1L << 41;

  /// Tokens that go through a model at once.
  private static final int PASS = 8192;

  /// How large it is.
  ///
  /// @param recipe that rows change
  /// @param shortest tokens: of the paper's shortest segment
  /// @param tokens of a sequence of many pairs
  /// @param pairs in it
  /// @param sequences of many pairs
  /// @param lengths of haystacks, rising; the longest is trained on too
  /// @param needles of each length and depth
  private record Size(
      String recipe,
      int shortest,
      int tokens,
      int pairs,
      int sequences,
      List<Integer> lengths,
      int needles) {
    static Size of(Scale scale) {
      return switch (scale) {
        case QUICK -> new Size("recall-quick", 32, 256, 8, 64, List.of(64, 128, 256, 512, 1024), 8);
        case MACHINE ->
            new Size("recall", 128, 2048, 32, 64, List.of(2048, 4096, 8192, 16384, 32768), 10);
        case GPU ->
            new Size(
                "recall-gpu", 128, 2048, 32, 64, List.of(8192, 16384, 32768, 65536, 131072), 10);
      };
    }

    /// Octaves of distances, each by its first one.
    List<Integer> octaves() {
      List<Integer> octaves = new ArrayList<>();
      for (int from = RecallQuestions.NEAREST; from < tokens; from *= 2) {
        octaves.add(from);
      }
      return octaves;
    }
  }

  /// Those that matter most in front.
  private static final List<Attention> ROWS =
      List.of(Attention.OURS, Attention.NEAR, Attention.PAPER, Attention.SPARSE, Attention.DENSE);

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "pairs recalled by their distance, and a needle by the haystack's length and its depth";
  }

  private static String row(Attention attention) {
    return attention.name().toLowerCase(Locale.ROOT);
  }

  private static ModelRecipe recipe(Setting setting, Attention attention, long seed) {
    Size size = Size.of(setting.scale());
    List<String> overrides = new ArrayList<>();
    overrides.add(
        "model.attention="
            + LanguageModels.attention(attention, size.shortest, GROWTH, size.lengths.getLast()));
    if (setting.scale() == Scale.GPU) {
      overrides.add("runtime.device=cuda");
    }
    return new ModelRecipe(setting.id(NAME, row(attention), seed), size.recipe, overrides);
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (long seed : setting.seeds(seeds(setting.scale()))) {
      for (Attention attention : ROWS) {
        ModelRecipe recipe = recipe(setting, attention, seed);
        jobs.add(Job.of(recipe, flops(setting, new ModelCost(setting.config(recipe).model()))));
      }
    }
    return jobs;
  }

  private static double flops(Setting setting, ModelCost cost) {
    Size size = Size.of(setting.scale());
    double mqar = size.sequences * cost.forwardFlops(size.tokens);
    return mqar
        + size.lengths.stream()
            .mapToDouble(length -> (double) DEPTHS * size.needles * cost.forwardFlops(length))
            .sum();
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    ask(setting.scale(), model, figures);
  }

  /// Asks a model all questions of a scale.
  static void ask(Scale scale, TrainedModel model, ObjectNode figures) {
    Size size = Size.of(scale);
    mqar(size, model, figures.putObject("mqar"));
    needle(size, model, figures.putObject("needle"));
  }

  private static void mqar(Size size, TrainedModel model, ObjectNode node) {
    List<RecallQuestions> all = new ArrayList<>();
    for (int i = 0; i < size.sequences; i++) {
      all.add(RecallQuestions.mqar(MQAR_SEED + i, size.tokens, size.pairs));
    }
    int octaves = size.octaves().size();
    long[] asked = new long[octaves];
    long[] right = new long[octaves];
    List<boolean[]> answers = answers(model, all);
    for (int i = 0; i < all.size(); i++) {
      for (int q = 0; q < size.pairs; q++) {
        int octave = RecallQuestions.octave(all.get(i).distances().get(q));
        asked[octave]++;
        right[octave] += answers.get(i)[q] ? 1 : 0;
      }
    }
    node.put("tokens", size.tokens);
    node.put("pairs", size.pairs);
    ArrayNode from = node.putArray("from");
    size.octaves().forEach(from::add);
    Arrays.stream(asked).forEach(node.putArray("asked")::add);
    Arrays.stream(right).forEach(node.putArray("right")::add);
  }

  private static void needle(Size size, TrainedModel model, ObjectNode node) {
    node.put("needles", size.needles);
    ArrayNode depths = node.putArray("depths");
    for (int d = 0; d < DEPTHS; d++) {
      depths.add(depth(d));
    }
    ArrayNode lengths = node.putArray("lengths");
    for (int length : size.lengths) {
      ObjectNode row = lengths.addObject();
      row.put("tokens", length);
      ArrayNode right = row.putArray("right");
      for (int d = 0; d < DEPTHS; d++) {
        List<RecallQuestions> cell = new ArrayList<>();
        for (int i = 0; i < size.needles; i++) {
          long seed = NEEDLE_SEED + ((long) DEPTHS * length + d) * size.needles + i;
          cell.add(RecallQuestions.needle(seed, length, depth(d)));
        }
        right.add(answers(model, cell).stream().filter(answer -> answer[0]).count());
      }
    }
  }

  private static double depth(int number) {
    return number / (DEPTHS - 1.0);
  }

  /// Which of the questions a model answers.
  ///
  /// @param all equally long
  private static List<boolean[]> answers(TrainedModel model, List<RecallQuestions> all) {
    List<boolean[]> answers = new ArrayList<>();
    int tokens = all.getFirst().text().length;
    int together = Math.max(1, PASS / tokens);
    for (int first = 0; first < all.size(); first += together) {
      List<RecallQuestions> pass = all.subList(first, Math.min(all.size(), first + together));
      long[] ids = new long[pass.size() * tokens];
      for (int i = 0; i < ids.length; i++) {
        ids[i] = pass.get(i / tokens).token(i % tokens);
      }
      long[] expected = model.expected(ids, pass.size(), tokens);
      for (int i = 0; i < pass.size(); i++) {
        RecallQuestions one = pass.get(i);
        long[] own = Arrays.copyOfRange(expected, i * tokens, (i + 1) * tokens);
        boolean[] right = new boolean[one.answers().size()];
        for (int q = 0; q < right.length; q++) {
          right[q] = one.isRight(q, own);
        }
        answers.add(right);
      }
    }
    return answers;
  }

  // What evidence says again.

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
    double[] right = new double[DEPTHS];
    double asked = 0;
    for (Evidence run : runs) {
      for (JsonNode row : run.figures().path("needle").path("lengths")) {
        if (row.path("tokens").asInt() == length) {
          asked += run.figures().path("needle").path("needles").asDouble();
          for (int d = 0; d < DEPTHS; d++) {
            right[d] += row.path("right").path(d).asDouble();
          }
        }
      }
    }
    double all = asked;
    return Arrays.stream(right).map(r -> r / all).toArray();
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    return new Findings(
        List.of(pairs(setting, evidence), needles(setting, evidence), claims(setting, evidence)),
        plots(setting, evidence),
        List.of());
  }

  private static ResultTable table(
      String name,
      String claim,
      Setting setting,
      EvidenceSet evidence,
      List<Column> columns,
      List<List<String>> cells,
      List<String> notes) {
    List<Evidence> all = new ArrayList<>();
    for (Attention attention : ROWS) {
      all.addAll(evidence.row(setting, NAME, row(attention)));
    }
    return new ResultTable(
        name,
        claim,
        EvidenceSet.origin(Table2.command(setting, NAME), all),
        new ResultTable.Content(columns, cells, notes));
  }

  private ResultTable pairs(Setting setting, EvidenceSet evidence) throws IOException {
    Size size = Size.of(setting.scale());
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
    for (Attention attention : ROWS) {
      RunConfig config = setting.config(recipe(setting, attention, 1));
      List<Evidence> runs = evidence.row(setting, NAME, row(attention));
      List<Object> row = new ArrayList<>();
      row.add(row(attention));
      row.add(attention == Attention.SPARSE ? "sparse" : attention.title);
      row.add(new ModelCost(config.model()).parameters() / 1e6);
      row.add(LanguageModels.attentionFlops(config, size.tokens) / 1e6);
      row.add(LanguageModels.tokens(config) / 1e6);
      for (double share : mqar(runs, octaves.size())) {
        row.add(100 * share);
      }
      row.add(runs.size());
      row.add(runs.stream().mapToDouble(Evidence::hours).average().orElse(Double.NaN));
      cells.add(ResultTable.row(row.toArray()));
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "Percent of the values that are given, by the distance to their pair: %,d pairs"
                + " at the beginning of %,d tokens, each asked for once.",
            size.pairs,
            size.tokens));
    notes.add(
        "Operations of query-key pairs in such a sequence. Columns of sparse attention are a power"
            + " of two: as many as come closest to LongNet's (paper) pairs at the longest length.");
    notes.add(
        "All rows see the same text in the same windows. Losses of all tokens are trained on.");
    notes.addAll(evidence.missing(jobs(setting)));
    return table(
        NAME,
        "One full-range head in one layer recalls pairs at every distance; near segments alone"
            + " recalls none beyond its reach.",
        setting,
        evidence,
        columns,
        cells,
        notes);
  }

  private static ResultTable needles(Setting setting, EvidenceSet evidence) {
    Size size = Size.of(setting.scale());
    List<Column> columns = new ArrayList<>();
    columns.add(Column.text("row"));
    columns.add(Column.integer("length", "tokens"));
    for (int d = 0; d < DEPTHS; d++) {
      columns.add(Column.number("depth " + depth(d), "%", 1));
    }
    columns.add(Column.integer("seeds", ""));
    List<List<String>> cells = new ArrayList<>();
    for (Attention attention : ROWS) {
      List<Evidence> runs = evidence.row(setting, NAME, row(attention));
      for (int length : size.lengths) {
        List<Object> row = new ArrayList<>();
        row.add(row(attention));
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
        setting,
        evidence,
        columns,
        cells,
        List.of(
            String.format(
                Locale.ROOT,
                "Percent of %d needles a cell and seed that are found, by their depth: 0 is the"
                    + " beginning, 1 lies right before the question.",
                size.needles)));
  }

  private static ResultTable claims(Setting setting, EvidenceSet evidence) throws IOException {
    Size size = Size.of(setting.scale());
    List<Integer> octaves = size.octaves();
    List<Evidence> ours = evidence.row(setting, NAME, row(Attention.OURS));
    List<Evidence> near = evidence.row(setting, NAME, row(Attention.NEAR));
    int reach = nearReach(setting);
    int beyond = (int) octaves.stream().filter(from -> from < reach).count();
    double leastPair = Arrays.stream(mqar(ours, octaves.size())).min().orElse(Double.NaN);
    double guessed =
        Arrays.stream(mqar(near, octaves.size())).skip(beyond).max().orElse(Double.NaN);
    double leastNeedle =
        size.lengths.stream()
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
                    DEPTHS * size.lengths.size()),
                leastNeedle,
                leastNeedle >= NEEDLE_GOAL,
                ours.size()));
    return table(
        "recall-claims",
        "",
        setting,
        evidence,
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
  private static int nearReach(Setting setting) throws IOException {
    RunConfig config = setting.config(recipe(setting, Attention.NEAR, 1));
    int window = Size.of(setting.scale()).shortest / 2;
    return config.model().layers() * (window + config.model().shortConvolution());
  }

  private static List<Findings.Plot> plots(Setting setting, EvidenceSet evidence) {
    Size size = Size.of(setting.scale());
    double[] octaves = size.octaves().stream().mapToDouble(Integer::doubleValue).toArray();
    double[] lengths = size.lengths.stream().mapToDouble(Integer::doubleValue).toArray();
    List<LineChart.Line> pairs = new ArrayList<>();
    List<LineChart.Line> needles = new ArrayList<>();
    for (Attention attention : ROWS) {
      List<Evidence> runs = evidence.row(setting, NAME, row(attention));
      if (!runs.isEmpty()) {
        pairs.add(
            new LineChart.Line(
                row(attention),
                octaves,
                Arrays.stream(mqar(runs, octaves.length)).map(share -> 100 * share).toArray()));
        needles.add(
            new LineChart.Line(
                row(attention),
                lengths,
                Arrays.stream(lengths)
                    .map(n -> 100 * Arrays.stream(needle(runs, (int) n)).average().orElse(0))
                    .toArray()));
      }
    }
    return pairs.isEmpty()
        ? List.of()
        : List.of(
            new Findings.Plot(
                NAME,
                new LineChart(
                    "Pairs recalled by their distance",
                    "distance from, tokens",
                    "recalled, %",
                    false,
                    pairs)),
            new Findings.Plot(
                "recall-needle",
                new LineChart(
                    "Needles found, mean over depths",
                    "length, tokens",
                    "found, %",
                    false,
                    needles)));
  }
}
