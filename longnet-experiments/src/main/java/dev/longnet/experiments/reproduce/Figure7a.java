// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.reproduce.LanguageModels.Attention;
import dev.longnet.experiments.reproduce.LanguageModels.Row;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/// The paper's figure 7a: the test loss falls as a power of the model's size. The largest model's
/// loss is predicted from the smaller ones, and measured.
public final class Figure7a implements Reproduction {
  private static final String NAME = "figure7a";

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "loss by size of the model, a power law fitted to the smaller ones; one seed";
  }

  /// A model of the series.
  private record Size(String row, ModelRecipe recipe) {}

  /// From the smallest to the largest. LongNet (ours) at the second length; at machine scale the
  /// largest is table 2's own.
  private static List<Size> sizes(Setting setting) {
    Scale scale = setting.scale();
    Row row = new Row(Attention.OURS, scale.lengths().get(1));
    List<Size> sizes = new ArrayList<>();
    switch (scale) {
      case QUICK -> {
        for (int hidden : List.of(8, 16, 24, 32, 48)) {
          sizes.add(sized(setting, row, hidden, hidden / 8));
        }
      }
      case MACHINE -> {
        // Heads of 32, as table 2's.
        for (int hidden : List.of(64, 96, 128, 160)) {
          sizes.add(sized(setting, row, hidden, hidden / 32));
        }
        sizes.add(new Size("c192", LanguageModels.recipe(setting, Table2.NAME, row, 1)));
      }
      case GPU -> {
        // The paper's models; the smallest has its long training in table 2.
        sizes.add(base(setting, "base-125m", List.of("training.steps=76294")));
        for (String name : List.of("base-350m", "base-760m", "base-2700m")) {
          sizes.add(base(setting, name, List.of()));
        }
      }
    }
    return sizes;
  }

  private static Size base(Setting setting, String name, List<String> changes) {
    List<String> overrides = new ArrayList<>(changes);
    overrides.add("runtime.device=cuda");
    return new Size(name, new ModelRecipe(setting.id(NAME, name, 1), name, overrides));
  }

  private static Size sized(Setting setting, Row row, int hidden, int heads) {
    String name = "c" + hidden;
    ModelRecipe whole = LanguageModels.recipe(setting, NAME, row, 1);
    List<String> overrides = new ArrayList<>(whole.overrides());
    overrides.add("model.hidden=" + hidden);
    overrides.add("model.heads=" + heads);
    overrides.add("model.feed_forward=" + 4 * hidden);
    return new Size(name, new ModelRecipe(setting.id(NAME, name, 1), whole.base(), overrides));
  }

  @Override
  public List<Job> jobs(Setting setting) throws IOException {
    List<Job> jobs = new ArrayList<>();
    for (Size size : sizes(setting)) {
      if (size.recipe.id().experiment().equals(Table2.NAME)) {
        Row row = new Row(Attention.OURS, setting.scale().lengths().get(1));
        jobs.add(Table2.job(setting, Table2.NAME, row, 1));
      } else {
        jobs.add(Job.of(size.recipe, 0));
      }
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
    HeldOutLosses.measure(model, List.of(model.config().training().window()), figures);
  }

  /// Parameters without the embedding: what the loss is a power of.
  private static double parameters(RunConfig config) {
    ModelConfig model = config.model();
    double embeddings = (double) model.vocabulary() * model.hidden() * (model.tiedOutput() ? 1 : 2);
    return new ModelCost(model).parameters() - embeddings;
  }

  /// loss = factor × size^exponent
  record PowerLaw(double factor, double exponent) {
    /// By least squares of the logarithms; NaN below two points.
    static PowerLaw fit(double[] sizes, double[] losses) {
      double exponent = Statistics.exponent(sizes, losses);
      double log = 0;
      for (int i = 0; i < sizes.length; i++) {
        log += (Math.log(losses[i]) - exponent * Math.log(sizes[i])) / sizes.length;
      }
      return new PowerLaw(Math.exp(log), exponent);
    }

    double at(double size) {
      return factor * Math.pow(size, exponent);
    }
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) throws IOException {
    List<Size> sizes = sizes(setting);
    double[] parameters = new double[sizes.size()];
    double[] bits = new double[sizes.size()];
    List<Evidence> all = new ArrayList<>();
    for (int i = 0; i < parameters.length; i++) {
      RunConfig config = setting.config(sizes.get(i).recipe);
      parameters[i] = parameters(config);
      List<Evidence> runs = evidence.find(sizes.get(i).recipe.id()).stream().toList();
      all.addAll(runs);
      bits[i] = Table2.mean(runs, config.training().window(), false);
    }
    int last = parameters.length - 1;
    boolean fitted = Arrays.stream(bits, 0, last).allMatch(Double::isFinite);
    PowerLaw law =
        fitted
            ? PowerLaw.fit(Arrays.copyOf(parameters, last), Arrays.copyOf(bits, last))
            : new PowerLaw(Double.NaN, Double.NaN);
    List<List<String>> cells = new ArrayList<>();
    double[] line = new double[parameters.length];
    for (int i = 0; i <= last; i++) {
      line[i] = law.at(parameters[i]);
      cells.add(
          ResultTable.row(
              sizes.get(i).row,
              parameters[i] / 1e6,
              bits[i],
              line[i],
              100 * (line[i] / bits[i] - 1),
              i < last ? "fitted" : "predicted"));
    }
    ResultTable table =
        new ResultTable(
            NAME,
            "The loss falls as a power of the model's size: the smaller models predict the"
                + " largest.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(
                List.of(
                    Column.text("model"),
                    Column.number("parameters without embedding", "M", 3),
                    Column.number("loss", "bits a byte", 4),
                    Column.number("power law", "bits a byte", 4),
                    Column.number("off by", "%", 2),
                    Column.text("used")),
                cells,
                notes(law, evidence.missing(jobs(setting)))));
    return new Findings(
        List.of(table), plots(parameters, bits, line, fitted), paper(law, bits, line, table));
  }

  private static List<String> notes(PowerLaw law, List<String> missing) {
    List<String> notes = new ArrayList<>();
    notes.add("All models see equally many tokens of the same text. One seed.");
    if (Double.isFinite(law.exponent)) {
      notes.add(
          String.format(
              Locale.ROOT,
              "Fitted to all but the largest: %.3f x (parameters)^%.4f.",
              law.factor,
              law.exponent));
    }
    notes.addAll(missing);
    return notes;
  }

  private static List<Findings.Plot> plots(
      double[] parameters, double[] bits, double[] line, boolean fitted) {
    if (Arrays.stream(bits).noneMatch(Double::isFinite)) {
      return List.of();
    }
    List<LineChart.Line> lines = new ArrayList<>();
    lines.add(new LineChart.Line("measured", parameters, bits));
    if (fitted) {
      lines.add(new LineChart.Line("power law", parameters, line));
    }
    return List.of(
        new Findings.Plot(
            NAME,
            new LineChart(
                "Loss by size", "parameters without embedding", "bits a byte", true, lines)));
  }

  private static List<Findings.PaperCell> paper(
      PowerLaw law, double[] bits, double[] line, ResultTable table) {
    int last = bits.length - 1;
    return Double.isFinite(line[last]) && Double.isFinite(bits[last])
        ? List.of(
            new Findings.PaperCell(
                "The test loss falls as a power",
                String.format(
                    Locale.ROOT,
                    "Bits a byte fall as parameters^%.4f over four small models; the fifth, predicted"
                        + " at %.3f, has %.3f.",
                    law.exponent,
                    line[last],
                    bits[last]),
                table))
        : List.of();
  }
}
