// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// The paper's figure 6: the test loss against the operations of training, as training sequences
/// grow. It takes table 2's first seed and adds the ends of its lines.
public final class Figure6 implements Reproduction {
  private static final String NAME = "figure6";
  private static final List<Attention> LINES =
      List.of(Attention.DENSE, Attention.PAPER, Attention.OURS);

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "loss by operations of training, over training lengths; one seed";
  }

  /// Dense attention in long windows takes hours: it comes last.
  private static List<Row> rows(Scale scale) {
    List<Row> rows = new ArrayList<>();
    for (Attention attention : LINES.reversed()) {
      for (int length : scale.lengths()) {
        rows.add(new Row(attention, length));
      }
    }
    return rows;
  }

  /// The experiment that trains a row. In the shortest windows the paper's pattern has one branch,
  /// which is dense attention.
  private static Row trained(Scale scale, Row row) {
    boolean dense =
        row.attention() == Attention.PAPER && row.length() == scale.lengths().getFirst();
    return dense ? new Row(Attention.DENSE, row.length()) : row;
  }

  private static String experiment(Scale scale, Row row) {
    return Table2.rows(scale).contains(row) ? Table2.NAME : NAME;
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (Row row : rows(setting.scale())) {
      Row trained = trained(setting.scale(), row);
      jobs.add(Table2.job(setting, experiment(setting.scale(), trained), trained, 1));
    }
    return jobs;
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
    Scale scale = setting.scale();
    List<List<String>> cells = new ArrayList<>();
    List<Evidence> all = new ArrayList<>();
    List<LineChart.Line> lines = new ArrayList<>();
    List<String> sentences = new ArrayList<>();
    for (Attention attention : LINES) {
      double[] flops = new double[scale.lengths().size()];
      double[] bits = new double[flops.length];
      List<String> points = new ArrayList<>();
      for (int i = 0; i < flops.length; i++) {
        Row row = new Row(attention, scale.lengths().get(i));
        Row trained = trained(scale, row);
        ModelRecipe recipe = LanguageModels.recipe(setting, experiment(scale, trained), trained, 1);
        List<Evidence> runs = evidence.find(recipe.id()).stream().toList();
        all.addAll(runs);
        flops[i] = LanguageModels.trainingFlops(setting.config(recipe));
        bits[i] = Table2.mean(runs, row.length(), false);
        cells.add(
            ResultTable.row(attention.title, row.length(), flops[i] / 1e15, bits[i], runs.size()));
        if (!runs.isEmpty()) {
          points.add(String.format(Locale.ROOT, "%.3f at %,d", bits[i], row.length()));
        }
      }
      if (!points.isEmpty()) {
        lines.add(new LineChart.Line(attention.title, flops, bits));
        sentences.add(attention.title + " " + String.join(", ", points));
      }
    }
    List<String> notes = new ArrayList<>();
    notes.add(
        "Every model sees equally many tokens. Those at the shortest length are one and the same for"
            + " dense attention and the paper's pattern.");
    notes.addAll(evidence.missing(jobs(setting)));
    ResultTable table =
        new ResultTable(
            NAME,
            "LongNet reaches a lower loss than dense attention with fewer operations as training"
                + " sequences grow.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(
                List.of(
                    Column.text("attention"),
                    Column.integer("trained and tested at", "tokens"),
                    Column.number("training", "PFLOP", 3),
                    Column.number("loss", "bits a byte", 4),
                    Column.integer("seeds", "")),
                cells,
                notes));
    List<Findings.Plot> plots =
        List.of(
            new Findings.Plot(
                NAME,
                new LineChart(
                    "Loss by operations of training", "FLOP", "bits a byte", false, lines)));
    List<Findings.PaperCell> paper =
        sentences.isEmpty()
            ? List.of()
            : List.of(
                new Findings.PaperCell(
                    "Longer training lengths",
                    "Bits a byte at the trained length: " + String.join("; ", sentences) + ".",
                    table));
    return new Findings(List.of(table), plots, paper);
  }
}
