// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import com.fasterxml.jackson.databind.JsonNode;
import dev.longnet.core.io.AtomicFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/// `report.html` of a run: one file that needs no other and no network. Reads what [RunFiles]
/// lists, nothing else, so it can be made again at any time, also while the run goes on.
public final class RunReport {
  private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");

  private RunReport() {}

  /// Writes RUN/report.html and RUN/plots/*.svg.
  ///
  /// @return the report's path
  public static Path write(Path run) throws IOException {
    RunFiles files = RunFiles.read(run);
    Map<String, Chart> charts = charts(files);
    for (Map.Entry<String, Chart> chart : charts.entrySet()) {
      AtomicFiles.writeString(
          run.resolve("plots").resolve(chart.getKey() + ".svg"), chart.getValue().svg());
    }
    Path report = run.resolve("report.html");
    AtomicFiles.writeString(report, html(files, charts));
    return report;
  }

  private static Map<String, Chart> charts(RunFiles files) {
    Map<String, Chart> charts = new LinkedHashMap<>();
    if (!files.train().isEmpty()) {
      double[] steps = RunFiles.values(files.train(), "step");
      charts.put("loss", Chart.logarithmic("Loss", "nats per token", loss(files, steps)));
      charts.put(
          "learning-rate",
          Chart.fromZero(
              "Learning rate",
              "learning rate",
              List.of(
                  new Series(
                      "",
                      steps,
                      RunFiles.values(files.train(), "learning_rate"),
                      Series.Style.LINE))));
      double[] speed = RunFiles.values(files.train(), "tokens_per_second");
      charts.put(
          "throughput",
          Chart.fromZero("Throughput", "tokens per second", rawAndSmooth("", steps, speed)));
      charts.put(
          "gradient-norm",
          Chart.logarithmic(
              "Gradient norm before clipping",
              "norm",
              rawAndSmooth("", steps, RunFiles.values(files.train(), "gradient_norm"))));
      List<Chart.Mark> phases = phases(files.train());
      charts.replaceAll((_, chart) -> chart.marked(phases));
    }
    charts.putAll(EvaluationSection.charts(files.evaluation()));
    return charts;
  }

  /// Where a phase begins, with its window; none where there is one phase.
  private static List<Chart.Mark> phases(List<JsonNode> train) {
    List<Chart.Mark> marks = new ArrayList<>();
    for (int i = 1; i < train.size(); i++) {
      JsonNode line = train.get(i);
      if (line.path("phase").asInt() != train.get(i - 1).path("phase").asInt()) {
        marks.add(
            new Chart.Mark(
                line.path("step").asDouble(),
                String.format(Locale.ROOT, "windows of %,d", line.path("window").asLong())));
      }
    }
    return marks;
  }

  private static List<Series> loss(RunFiles files, double[] steps) {
    List<Series> series =
        new ArrayList<>(rawAndSmooth("training", steps, RunFiles.values(files.train(), "loss")));
    if (!files.validation().isEmpty()) {
      series.add(
          new Series(
              "validation",
              RunFiles.values(files.validation(), "step"),
              RunFiles.values(files.validation(), "loss"),
              Series.Style.MARKED));
    }
    return series;
  }

  private static List<Series> rawAndSmooth(String name, double[] x, double[] y) {
    int span = Math.max(1, y.length / 80);
    return List.of(
        new Series("", x, y, Series.Style.FAINT),
        new Series(name, x, Series.smoothed(y, span), Series.Style.LINE));
  }

  private static String html(RunFiles files, Map<String, Chart> charts) throws IOException {
    StringBuilder plots = new StringBuilder();
    charts.forEach((name, chart) ->
        plots
            .append("<figure id=\"")
            .append(name)
            .append("\">")
            .append(chart.svg())
            .append("</figure>\n"));
    String name = files.run().toAbsolutePath().normalize().getFileName().toString();
    Map<String, String> places =
        Map.of(
            "title", Html.escape(name),
            "subtitle", Html.escape(subtitle(files)),
            "tiles", tiles(files),
            "plots", plots.toString(),
            "evaluation",
                Html.section(
                    "evaluation", "Held-out documents", EvaluationSection.html(files.evaluation())),
            "sample", Html.section("sample", "What it writes", pre(files.sample())),
            "recipe", Html.section("configuration", "Configuration", pre(files.recipe())),
            "environment",
                Html.section("environment", "Environment", environment(files.environment())));
    // In one pass: what stands in a place may look like a place.
    return PLACE
        .matcher(template())
        .replaceAll(place -> Matcher.quoteReplacement(places.get(place.group(1))));
  }

  private static String subtitle(RunFiles files) {
    JsonNode e = files.environment();
    List<String> parts = new ArrayList<>();
    for (String field : new String[] {"started", "date", "machine", "cpu", "commit"}) {
      if (!e.path(field).asText().isBlank()) {
        parts.add(
            field.equals("commit") ? "commit " + e.path(field).asText() : e.path(field).asText());
      }
    }
    return String.join(" · ", parts);
  }

  private static String tiles(RunFiles files) {
    StringBuilder tiles = new StringBuilder();
    JsonNode documents = files.evaluation().path("documents");
    if (documents.has("bits_per_byte")) {
      tiles.append(
          Html.tile(
              "bits per byte",
              Html.decimals(documents.path("bits_per_byte"), 3),
              "gzip -9: "
                  + Html.decimals(documents.path("gzip_bits_per_byte"), 3)
                  + ", the same documents"));
    }
    JsonNode lengths = files.evaluation().path("lengths");
    if (!lengths.isEmpty()) {
      JsonNode longest = lengths.get(lengths.size() - 1);
      tiles.append(
          Html.tile(
              "perplexity",
              Html.decimals(longest.path("perplexity"), 3),
              String.format(
                  Locale.ROOT, "of a token, context %,d", longest.path("length").asLong())));
    }
    if (!files.train().isEmpty()) {
      JsonNode last = files.train().getLast();
      double[] seconds = RunFiles.values(files.train(), "seconds");
      double sum = 0;
      for (double s : seconds) {
        sum += Double.isFinite(s) ? s : 0;
      }
      double tokens = last.path("tokens").asDouble();
      tiles.append(
          Html.tile(
              "tokens trained",
              tokens < 1e6
                  ? String.format(Locale.ROOT, "%,.0f", tokens)
                  : String.format(Locale.ROOT, "%,.1f M", tokens / 1e6),
              String.format(
                  Locale.ROOT, "%,d steps in %s", last.path("step").asLong(), duration(sum))));
      double first = files.train().getFirst().path("tokens").asDouble();
      double perSecond =
          sum > 0 && files.train().size() > 1 ? (tokens - first) / (sum - seconds[0]) : 0;
      double share = last.path("matrix_share").asDouble();
      tiles.append(
          Html.tile(
              "tokens per second",
              String.format(Locale.ROOT, "%,.0f", perSecond),
              share > 0
                  ? String.format(Locale.ROOT, "%.0f %% of the matrix-product rate", 100 * share)
                  : "mean of the run"));
      long skipped = last.path("skipped_steps").asLong();
      if (skipped > 0) {
        tiles.append(
            Html.tile("steps skipped", Long.toString(skipped), "loss or gradient not finite"));
      }
    }
    return tiles.toString();
  }

  private static String environment(JsonNode environment) {
    if (!environment.isObject()) {
      return "";
    }
    StringBuilder out = new StringBuilder("<table class=\"facts\"><tbody>\n");
    for (Map.Entry<String, JsonNode> field : environment.properties()) {
      JsonNode value = field.getValue();
      out.append(
          String.format(
              Locale.ROOT,
              "<tr><th>%s</th><td>%s</td></tr>\n",
              Html.escape(field.getKey().replace('_', ' ')),
              Html.escape(value.isValueNode() ? value.asText() : value.toString())));
    }
    return out.append("</tbody></table>\n").toString();
  }

  private static String pre(String text) {
    return text.isBlank() ? "" : "<pre>" + Html.escape(text.strip()) + "</pre>\n";
  }

  private static String duration(double seconds) {
    long s = Math.round(seconds);
    return s < 120
        ? s + " s"
        : s < 7200 ? s / 60 + " min " + s % 60 + " s" : s / 3600 + " h " + s % 3600 / 60 + " min";
  }

  private static String template() throws IOException {
    try (InputStream in = RunReport.class.getResourceAsStream("report.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
