// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.experiments.reproduce.Claim.Share;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// What a newcomer's first run is worth: the quickstart beside its twins of other attentions, and
/// beside the quickstart that it took the place of.
public final class Quickstart implements Reproduction {
  private static final String NAME = "quickstart";

  /// Lengths that all are measured at.
  private static final int SHORT = 256;

  private static final int LONG = 2048;

  /// Held-out bytes of every measurement.
  private static final int HELD_OUT = 2 << 20;

  /// Bits a byte that context from [#SHORT] to [#LONG] brings.
  private static final double GAIN = 0.05;

  /// Bits a byte that it is ahead of the quickstart before.
  private static final double PROGRESS = 0.08;

  /// A recipe, and what a row changes in it.
  ///
  /// @param name such as `dense`
  /// @param attention for people
  private record Row(String name, String recipe, String attention, List<String> overrides) {
    Row(String name, String recipe, String attention, String... overrides) {
      this(name, recipe, attention, List.of(overrides));
    }
  }

  private static final Row OURS =
      new Row(
          "ours",
          "quickstart",
          "segments of 64 and 256; one head of the first layer sees everything");

  /// Dense attention's step takes longer: so many steps take as long as all of the quickstart's
  /// (RESULTS.md, *Models*).
  private static final Row SAME_TIME =
      new Row("dense-same-time", "quickstart-dense", "every earlier token", "training.steps=3900");

  private static final Row SPARSE =
      new Row("sparse", "quickstart-sparse", "blocks of 128, 16 columns of every earlier block");

  /// The recipe of 2026-11-29, on as many bytes.
  private static final Row BEFORE =
      new Row(
          "before",
          "quickstart",
          "segments of 64, 256 and 2,048, dilations 1, 1, 4; xPos in all heads, no convolution, no"
              + " induction heads, windows of 2,048 from the first step",
          "model.positions=xpos",
          "model.positions_base=10000",
          "model.short_convolution=0",
          "model.nope_heads=0",
          "model.attention={type: dilated, segment_lengths: [64, 256, 2048], dilations: [1, 1, 4]}",
          "training.windows=[]",
          "training.window=2048",
          "training.sequences=1",
          "training.batch_tokens=2048",
          "training.branch_starts=[0, 0.4, 0.4]",
          "training.induction_heads=0",
          "training.steps=2750");

  private static final Row DENSE = new Row("dense", "quickstart-dense", "every earlier token");
  private static final Row NEAR =
      new Row("near", "quickstart-near", "segments of 64 and 256 alone");
  private static final Row PAPER =
      new Row("paper", "quickstart-paper", "segments of 64, 256 and 2,048, dilations 1, 1, 4");

  /// Those that a claim is about in front.
  private static final List<Row> ROWS =
      List.of(OURS, SAME_TIME, SPARSE, BEFORE, DENSE, NEAR, PAPER);

  private static final List<Claim> CLAIMS =
      List.of(
          Claim.less("T6", at(OURS, LONG), at(OURS, SHORT), -GAIN),
          Claim.less("T6", at(OURS, LONG), at(BEFORE, LONG), -PROGRESS),
          Claim.less("T6", at(OURS, LONG), at(SAME_TIME, LONG), 0),
          Claim.less("T6", at(OURS, LONG), at(SPARSE, LONG), 0));

  private static Share at(Row row, int length) {
    return Share.of(row.name, length);
  }

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "the quickstart beside its twins: dense, sparse, the paper's pattern, near alone, before";
  }

  private static ModelRecipe recipe(Setting setting, Row row, long seed) {
    List<String> overrides = new ArrayList<>(row.overrides);
    // What a run says of itself stays short: it is measured afterwards.
    overrides.add("evaluation.every_steps=0");
    overrides.add("evaluation.lengths=[" + LONG + "]");
    overrides.add("evaluation.tokens=" + HELD_OUT);
    overrides.add("evaluation.document_tokens=131072");
    overrides.add("sample.tokens=0");
    switch (setting.scale()) {
      case QUICK -> {
        overrides.add("training.steps=10");
        overrides.add("schedule.warmup_steps=2");
        overrides.add("evaluation.tokens=8192");
        overrides.add("evaluation.copy_probe=8192");
      }
      case MACHINE -> {}
      case GPU -> overrides.add("runtime.device=cuda");
    }
    return new ModelRecipe(setting.id(NAME, row.name, seed), row.recipe, overrides);
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (long seed : setting.seedsUnlessQuick(Table2.MOST_SEEDS)) {
      for (Row row : ROWS) {
        ModelRecipe recipe = recipe(setting, row, seed);
        jobs.add(
            Job.of(
                recipe,
                LanguageModels.measuringFlops(setting.config(recipe), List.of(SHORT, LONG))));
      }
    }
    return jobs;
  }

  @Override
  public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures)
      throws IOException {
    LanguageModels.describe(model, figures);
    HeldOutLosses.measure(model, List.of(SHORT, LONG), figures);
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    List<List<String>> cells = new ArrayList<>();
    List<Evidence> all = new ArrayList<>();
    for (Row row : ROWS) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name);
      all.addAll(runs);
      cells.add(
          ResultTable.row(
              row.name,
              row.attention,
              setting.config(recipe(setting, row, 1)).training().steps(),
              Table2.mean(runs, SHORT, false),
              Table2.mean(runs, LONG, false),
              Table2.deviation(runs, LONG),
              farthestCopies(runs),
              runs.size(),
              60 * Evidence.meanHours(runs)));
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        "Rows differ in their attention and steps alone, but for the quickstart before, whose words name"
            + " the rest. Equal seeds see the same text in the same order: 5.6 MB in 5,000 steps, and"
            + " as much in the 2,750 of the quickstart before.");
    notes.add(
        "A step takes 15 ms in windows of 512 and 46 ms in windows of 2,048 (two threads, quiet,"
            + " commit 16aa5188), dense attention 13 and 69 ms. So dense takes 1.28 times as long,"
            + " and 3,900 of its steps take as long as 5,000 of the quickstart's.");
    notes.add("All bits are of the same held-out bytes of whole packages, 2 MB.");
    notes.addAll(evidence.missing(jobs(setting)));
    ResultTable rows =
        new ResultTable(
            NAME,
            "The quickstart needs fewer bits a byte than dense attention in the same time, and than"
                + " sparse attention, the paper's pattern and itself without its far head on the same"
                + " bytes.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(
                List.of(
                    Column.text("row"),
                    Column.text("attention"),
                    Column.integer("steps", ""),
                    Column.number("at " + SHORT, "bits a byte", 4),
                    Column.number(String.format(Locale.ROOT, "at %,d", LONG), "bits a byte", 4),
                    Column.number("deviation over seeds", "", 2),
                    Column.number("a copy saves, 1,024 to 2,016 back", "bits a byte", 2),
                    Column.integer("seeds", ""),
                    Column.number("a run and its measuring", "minutes", 2)),
                cells,
                notes));
    ResultTable claims =
        new ResultTable(
            "quickstart-claims",
            "",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            Claim.table(
                setting,
                evidence,
                NAME,
                CLAIMS,
                List.of(
                    "T6: the quickstart's perplexity falls with context; it is ahead of the recipe"
                        + " of 2026-11-29 on as many bytes, of dense attention in the same time, and"
                        + " of sparse attention on the same bytes.")));
    return new Findings(List.of(rows, claims), List.of(), paper(setting, evidence, rows));
  }

  /// Until table 2 has its own word on it: the table's first answer wins.
  private static List<Findings.PaperCell> paper(
      Setting setting, EvidenceSet evidence, ResultTable table) {
    List<String> parts = new ArrayList<>();
    for (Row row : List.of(OURS, SPARSE, SAME_TIME)) {
      List<Evidence> runs = evidence.row(setting, NAME, row.name);
      if (runs.isEmpty()) {
        return List.of();
      }
      parts.add(
          String.format(
              Locale.ROOT,
              "%s %.3f (seeds: %d)",
              row.name,
              Table2.mean(runs, LONG, false),
              runs.size()));
    }
    return List.of(
        new Findings.PaperCell(
            "LongNet trained at 8K has",
            String.format(
                Locale.ROOT,
                "Models of 0.8 M parameters at %,d bytes of unseen packages, bits a byte: %s.",
                LONG,
                String.join(", ", parts)),
            table));
  }

  /// What the second copy of a text saves, of those that are the furthest back, which come last;
  /// mean over seeds.
  private static double farthestCopies(List<Evidence> runs) {
    return runs.stream()
        .map(run -> run.figures().path("copy_probe").path("octaves"))
        .filter(octaves -> !octaves.isEmpty())
        .mapToDouble(octaves -> octaves.get(octaves.size() - 1).path("gain").asDouble())
        .average()
        .orElse(Double.NaN);
  }
}
