// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/// The paper's figure 7b: the loss of a fixed suffix as the prompt before it grows. The same models
/// as in table 2, those with the longest training sequences. As control the prompt comes from
/// another package: what that gains is no use of the text, only of its kind.
public final class Figure7b implements Reproduction {
  private static final String NAME = "figure7b";

  /// Prompt and suffix together are as long as a training sequence, at most.
  private static final int SHARE = 16;

  private static final int BATCH_TOKENS = 8192;

  /// Suffixes, at most.
  private static int most(Scale scale) {
    return scale == Scale.QUICK ? 16 : 96;
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "the loss of a suffix by the length of the prompt before it, its own and another package's";
  }

  private static List<Row> rows(Scale scale) {
    int longest = scale.lengths().getLast();
    return Table2.rows(scale).stream().filter(row -> row.length() == longest).toList();
  }

  private static int suffix(Scale scale) {
    return scale.lengths().getLast() / SHARE;
  }

  /// None, then doubling windows: at machine scale 0, 512, 1,536, 3,584 and 7,680.
  private static List<Integer> prompts(Scale scale) {
    List<Integer> prompts = new ArrayList<>();
    for (int window = suffix(scale); window <= scale.lengths().getLast(); window *= 2) {
      prompts.add(window - suffix(scale));
    }
    return prompts;
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (long seed : setting.seeds(Table2.MOST_SEEDS)) {
      for (Row row : rows(setting.scale())) {
        ModelRecipe model = LanguageModels.recipe(setting, Table2.NAME, row, seed);
        RunConfig config = setting.config(model);
        jobs.add(
            new Job(
                setting.id(NAME, row.name(), seed),
                Optional.of(model),
                flops(setting.scale(), new ModelCost(config.model()))));
      }
    }
    return jobs;
  }

  private static double flops(Scale scale, ModelCost cost) {
    return prompts(scale).stream()
        .mapToDouble(prompt -> 2.0 * most(scale) * cost.forwardFlops(prompt + suffix(scale)))
        .sum();
  }

  @Override
  public void prepare(Setting setting, TokenizationListener listener) throws IOException {
    LanguageModels.prepare(setting, listener);
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    Scale scale = setting.scale();
    TokenSplit held = model.heldOut();
    int suffix = suffix(scale);
    HeldOutGroups groups = HeldOutGroups.of(held, model.config().corpus().holdout(), held.size());
    Suffixes suffixes =
        Suffixes.of(groups, held.size(), prompts(scale).getLast(), suffix, most(scale));
    if (suffixes.starts().isEmpty()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "no held-out package has %,d tokens: corpus.validation=%s",
              scale.lengths().getLast(),
              model.config().corpus().validation()));
    }
    double[] bytes = new double[groups.count()];
    for (long start : suffixes.starts()) {
      int[] each = HeldOutGroups.bytes(held, model.tokenizer(), start + 1, suffix);
      bytes[groups.of(start + 1)] += Arrays.stream(each).sum();
    }
    figures.put("suffix", suffix);
    figures.put("suffixes", suffixes.starts().size());
    list(figures.putArray("group_bytes"), bytes);
    ArrayNode rows = figures.putArray("prompts");
    long[] starts = suffixes.starts().stream().mapToLong(Long::longValue).toArray();
    long[] strangers =
        IntStream.range(0, starts.length)
            .mapToLong(i -> suffixes.stranger(i, groups::packageOf))
            .toArray();
    for (int prompt : prompts(scale)) {
      ObjectNode row = rows.addObject();
      row.put("tokens", prompt);
      double[] own = nats(model, starts, starts, prompt, suffix);
      double[] other = prompt == 0 ? own : nats(model, strangers, starts, prompt, suffix);
      list(row.putArray("own_nats"), byGroup(groups, starts, own));
      list(row.putArray("other_nats"), byGroup(groups, starts, other));
    }
  }

  private static double[] byGroup(HeldOutGroups groups, long[] starts, double[] values) {
    double[] sums = new double[groups.count()];
    for (int i = 0; i < starts.length; i++) {
      sums[groups.of(starts[i] + 1)] += values[i];
    }
    return sums;
  }

  /// Losses of the suffixes, nats. Short ones go through the model together.
  ///
  /// @param prompted places before which the prompts lie
  /// @param starts places behind which the suffixes lie
  private static double[] nats(
      TrainedModel model, long[] prompted, long[] starts, int prompt, int suffix) {
    int tokens = prompt + suffix;
    int together = Math.max(1, BATCH_TOKENS / tokens);
    double[] nats = new double[starts.length];
    for (int first = 0; first < starts.length; first += together) {
      int batch = Math.min(together, starts.length - first);
      long[] ids = new long[batch * (tokens + 1)];
      for (int b = 0; b < batch; b++) {
        MemorySegment row = MemorySegment.ofArray(ids).asSlice(8L * b * (tokens + 1));
        model.heldOut().copy(prompted[first + b] - prompt, prompt, row);
        model.heldOut().copy(starts[first + b], suffix + 1, row.asSlice(8L * prompt));
      }
      float[] losses = model.scorer().losses(ids, batch, tokens);
      for (int i = 0; i < losses.length; i++) {
        nats[first + i / tokens] += i % tokens < prompt ? 0 : losses[i];
      }
    }
    return nats;
  }

  private static void list(ArrayNode list, double[] values) {
    Arrays.stream(values).forEach(value -> list.add(HeldOutLosses.rounded(value, 3)));
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    List<Evidence> all = new ArrayList<>();
    List<List<String>> cells = new ArrayList<>();
    List<LineChart.Line> lines = new ArrayList<>();
    List<Integer> prompts = prompts(setting.scale());
    for (Row row : rows(setting.scale())) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      all.addAll(runs);
      double[] own = new double[prompts.size()];
      double[] other = new double[prompts.size()];
      for (int i = 0; i < prompts.size(); i++) {
        own[i] = bits(runs, prompts.get(i), "own_nats");
        other[i] = bits(runs, prompts.get(i), "other_nats");
        cells.add(cells(row, prompts, i, runs, own[i], other[i]));
      }
      if (!runs.isEmpty()) {
        // No prompt has no place on a logarithmic axis: what the model sees in all has one.
        double[] x = prompts.stream().mapToDouble(p -> p + suffix(setting.scale())).toArray();
        lines.add(new LineChart.Line(row.name(), x, own));
        lines.add(new LineChart.Line(row.name() + ", other's", x, other));
      }
    }
    ResultTable table =
        new ResultTable(
            NAME,
            "The loss of a suffix falls as the prompt before it grows, and more so than behind"
                + " another package's prompt.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(
                columns(), cells, notes(setting, all, evidence.missing(jobs(setting)))));
    return new Findings(List.of(table), plots(lines), paper(setting, evidence, table));
  }

  private static List<Column> columns() {
    return List.of(
        Column.text("row"),
        Column.integer("prompt", "tokens"),
        Column.number("suffix", "bits a byte", 4),
        Column.number("gain since the prompt above", "bits a byte", 3),
        Column.number("95 % from", "", 3),
        Column.number("to", "", 3),
        Column.number("behind another package's prompt", "bits a byte", 4),
        Column.number("own prompt's lead", "bits a byte", 3),
        Column.number("lead, 95 % from", "", 3),
        Column.number("lead, to", "", 3),
        Column.integer("seeds", ""));
  }

  private static List<String> cells(
      Row row, List<Integer> prompts, int i, List<Evidence> runs, double own, double other) {
    int prompt = prompts.get(i);
    if (runs.isEmpty()) {
      return ResultTable.row(row.name(), prompt, "", "", "", "", "", "", "", "", 0);
    }
    Bootstrap.Interval none = new Bootstrap.Interval(Double.NaN, Double.NaN, Double.NaN);
    Bootstrap.Interval gain =
        i == 0 ? none : difference(runs, prompts.get(i - 1), "own_nats", prompt, "own_nats");
    Bootstrap.Interval lead =
        i == 0 ? none : difference(runs, prompt, "other_nats", prompt, "own_nats");
    return ResultTable.row(
        row.name(),
        prompt,
        own,
        gain.value(),
        gain.low(),
        gain.high(),
        other,
        lead.value(),
        lead.low(),
        lead.high(),
        runs.size());
  }

  private static List<String> notes(Setting setting, List<Evidence> all, List<String> missing) {
    String places =
        all.stream()
            .map(e -> e.figures().path("suffixes").asText())
            .distinct()
            .collect(Collectors.joining(", "));
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "Suffixes of %,d tokens%s, each with its longest prompt inside one held-out package."
                + " The models are table 2's.",
            suffix(setting.scale()),
            places.isEmpty() ? "" : " at " + places + " places"));
    notes.add("Intervals are a paired bootstrap of 2,000 draws over held-out groups and seeds.");
    notes.addAll(missing);
    return notes;
  }

  private static List<Findings.Plot> plots(List<LineChart.Line> lines) {
    return List.of(
        new Findings.Plot(
            NAME,
            new LineChart(
                "A suffix's loss by the tokens before its end",
                "prompt and suffix, tokens",
                "bits a byte",
                false,
                lines)));
  }

  private static List<Findings.PaperCell> paper(
      Setting setting, EvidenceSet evidence, ResultTable table) {
    List<String> parts = new ArrayList<>();
    List<Integer> prompts = prompts(setting.scale());
    for (Row row : rows(setting.scale())) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name());
      if (!runs.isEmpty()) {
        parts.add(
            row.name()
                + " "
                + prompts.stream()
                    .map(p -> String.format(Locale.ROOT, "%.3f", bits(runs, p, "own_nats")))
                    .collect(Collectors.joining(", ")));
      }
    }
    return parts.isEmpty()
        ? List.of()
        : List.of(
            new Findings.PaperCell(
                "The loss of a fixed suffix",
                String.format(
                    Locale.ROOT,
                    "Bits a byte of a suffix of %,d tokens behind prompts of %s tokens: %s.",
                    suffix(setting.scale()),
                    prompts.stream()
                        .map(p -> String.format(Locale.ROOT, "%,d", p))
                        .collect(Collectors.joining(", ")),
                    String.join("; ", parts)),
                table));
  }

  private static Bootstrap.Interval difference(
      List<Evidence> runs, int prompt, String kind, int other, String otherKind) {
    return Bootstrap.difference(
        runs.stream().map(run -> nats(run, prompt, kind)).toList(),
        runs.stream().map(run -> nats(run, other, otherKind)).toList(),
        HeldOutLosses.numbers(runs.getFirst().figures().path("group_bytes")));
  }

  /// Over seeds; NaN where nothing was measured.
  private static double bits(List<Evidence> runs, int prompt, String kind) {
    return runs.stream()
        .mapToDouble(run ->
            Arrays.stream(nats(run, prompt, kind)).sum()
                / Math.log(2)
                / Arrays.stream(HeldOutLosses.numbers(run.figures().path("group_bytes"))).sum())
        .average()
        .orElse(Double.NaN);
  }

  private static double[] nats(Evidence run, int prompt, String kind) {
    for (JsonNode row : run.figures().path("prompts")) {
      if (row.path("tokens").asInt() == prompt) {
        return HeldOutLosses.numbers(row.path(kind));
      }
    }
    throw new IllegalArgumentException(
        String.format(Locale.ROOT, "no prompt of %d tokens in %s", prompt, run.id().name()));
  }
}
