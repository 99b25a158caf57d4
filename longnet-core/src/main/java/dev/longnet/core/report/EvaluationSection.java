// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// What a report shows of `evaluation.json`.
final class EvaluationSection {
  private EvaluationSection() {}

  static Map<String, Chart> charts(JsonNode evaluation) {
    Map<String, Chart> charts = new LinkedHashMap<>();
    List<JsonNode> lengths = rows(evaluation.path("lengths"));
    if (!lengths.isEmpty()) {
      charts.put(
          "perplexity-by-length",
          Chart.byLength(
              "Perplexity by context length",
              "tokens of context, at most",
              "perplexity of a token",
              List.of(
                  new Series(
                      "",
                      RunFiles.values(lengths, "length"),
                      RunFiles.values(lengths, "perplexity"),
                      Series.Style.MARKED))));
    }
    JsonNode positions = evaluation.path("positions");
    List<JsonNode> octaves = rows(positions.path("octaves"));
    if (!octaves.isEmpty()) {
      charts.put(
          "bits-by-position",
          Chart.byLength(
              String.format(
                  Locale.ROOT,
                  "Bits by position in windows of %,d",
                  positions.path("length").asLong()),
              "position in the window, up to",
              "bits of a token",
              List.of(
                  new Series(
                      "",
                      RunFiles.values(octaves, "to"),
                      RunFiles.values(octaves, "bits_per_token"),
                      Series.Style.MARKED))));
    }
    JsonNode probe = evaluation.path("copy_probe");
    List<JsonNode> distances = rows(probe.path("octaves"));
    if (!distances.isEmpty()) {
      charts.put("copy-probe", copyProbe(probe, distances));
    }
    return charts;
  }

  /// All distances together; of a model with dilations the class that a dilated branch serves best
  /// apart from the others.
  private static Chart copyProbe(JsonNode probe, List<JsonNode> octaves) {
    double[] from = RunFiles.values(octaves, "from");
    List<Series> series = new ArrayList<>();
    int dilation = probe.path("dilation").asInt(1);
    boolean classes = dilation > 1;
    series.add(
        new Series(
            classes ? "all" : "", from, RunFiles.values(octaves, "gain"), Series.Style.MARKED));
    if (classes) {
      series.add(
          new Series("class 1 of " + dilation, from, ofClass(octaves, true), Series.Style.MARKED));
      series.add(new Series("others", from, ofClass(octaves, false), Series.Style.MARKED));
    }
    return Chart.byLength(
        "Bits saved by a copy", "tokens back, from", "bits saved of a token", series);
  }

  /// The gain of class 1, or the mean of the other classes, in each octave.
  private static double[] ofClass(List<JsonNode> octaves, boolean one) {
    return octaves.stream()
        .mapToDouble(octave -> {
          double sum = 0;
          int spans = 0;
          List<JsonNode> classes = rows(octave.path("residues"));
          for (int residue = 0; residue < classes.size(); residue++) {
            JsonNode gain = classes.get(residue);
            if (residue == 1 == one && gain.path("gain").isNumber()) {
              sum += gain.path("gain").asDouble() * gain.path("spans").asInt();
              spans += gain.path("spans").asInt();
            }
          }
          return sum / spans;
        })
        .toArray();
  }

  private static List<JsonNode> rows(JsonNode array) {
    List<JsonNode> rows = new ArrayList<>();
    array.forEach(rows::add);
    return rows;
  }

  static String html(JsonNode evaluation) {
    if (evaluation.path("lengths").isEmpty()) {
      return "";
    }
    StringBuilder out =
        new StringBuilder(
            "<table><thead><tr><th>context, tokens</th><th>perplexity</th><th>bits per byte</th>"
                + "<th>tokens per second</th></tr></thead><tbody>\n");
    for (JsonNode row : evaluation.path("lengths")) {
      out.append(
          String.format(
              Locale.ROOT,
              "<tr><td>%,d</td><td>%s</td><td>%s</td><td>%,.0f</td></tr>%n",
              row.path("length").asLong(),
              Html.decimals(row.path("perplexity"), 4),
              Html.decimals(row.path("bits_per_byte"), 4),
              row.path("tokens_per_second").asDouble()));
    }
    out.append("</tbody></table>\n");
    out.append(
        String.format(
            Locale.ROOT,
            "<p>The same %,d tokens are scored at every length; the held-out text is cut "
                + "into pieces of that length.</p>%n",
            evaluation.path("tokens").asLong()));
    double textless = evaluation.path("lengths").path(0).path("textless_probability").asDouble();
    if (textless >= 5e-5) {
      out.append(
          String.format(
              Locale.ROOT,
              "<p>%.2f %% of the probability goes to ids without text; perplexity counts it as lost.</p>%n",
              100 * textless));
    }
    JsonNode documents = evaluation.path("documents");
    if (documents.has("bits_per_byte")) {
      out.append(
          String.format(
              Locale.ROOT,
              "<p>%,d documents (%,d bytes), each on its own: model %s bits per byte, <code>gzip -9</code> %s.</p>%n",
              documents.path("documents").asLong(),
              documents.path("bytes").asLong(),
              Html.decimals(documents.path("bits_per_byte"), 4),
              Html.decimals(documents.path("gzip_bits_per_byte"), 4)));
    }
    if (documents.has("changed_by_tokenizer")) {
      out.append(
          String.format(
              Locale.ROOT,
              "<p>The tokenizer changes %,d of them (a normalizer, spaces, unknown words); bytes are those of the original text.</p>%n",
              documents.path("changed_by_tokenizer").asLong()));
    }
    copies(out, evaluation.path("copy_probe"));
    return out.toString();
  }

  private static void copies(StringBuilder out, JsonNode probe) {
    List<JsonNode> octaves = rows(probe.path("octaves"));
    if (octaves.isEmpty()) {
      return;
    }
    int classes = octaves.getFirst().path("residues").size();
    out.append(
        "<h2>How far it sees</h2>\n<table><thead><tr><th>distance, tokens</th><th>bits without</th>"
            + "<th>bits saved by a copy</th><th>standard error</th>");
    for (int residue = 0; residue < classes; residue++) {
      out.append(String.format(Locale.ROOT, "<th>class %d</th>", residue));
    }
    out.append("</tr></thead><tbody>\n");
    for (JsonNode octave : octaves) {
      out.append(
          String.format(
              Locale.ROOT,
              "<tr><td>%,d to %,d</td><td>%s</td><td>%s</td><td>%s</td>",
              octave.path("from").asLong(),
              octave.path("to").asLong(),
              Html.decimals(octave.path("bits_without"), 2),
              Html.decimals(octave.path("gain"), 2),
              Html.decimals(octave.path("standard_error"), 2)));
      for (JsonNode residue : octave.path("residues")) {
        out.append("<td>").append(Html.decimals(residue.path("gain"), 2)).append("</td>");
      }
      out.append("</tr>\n");
    }
    out.append("</tbody></table>\n");
    out.append(
        String.format(
            Locale.ROOT,
            "<p>%s. A span of %d tokens stands twice in a window of %,d; the bits are those of a "
                + "token of the second one.%s</p>%n",
            probe.path("reach").isNumber()
                ? String.format(
                    Locale.ROOT,
                    "Copies are found up to %,d tokens back",
                    probe.path("reach").asLong())
                : "Copies are not found at any distance",
            probe.path("span").asInt(),
            probe.path("window").asLong(),
            classes == 0
                ? ""
                : String.format(
                    Locale.ROOT,
                    " Classes are those of the distance modulo %d, the largest dilation.",
                    classes)));
  }
}
