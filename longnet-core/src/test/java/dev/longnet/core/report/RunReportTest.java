// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.xml.sax.InputSource;

class RunReportTest {
  @TempDir Path run;

  @Test
  void showsEverythingTheRunLeft() throws Exception {
    writeMetrics(3000);
    Files.writeString(
        run.resolve("evaluation.json"),
        """
        {"tokens": 262144, "lengths": [
          {"length": 2048, "perplexity": 3.25, "bits_per_byte": 1.7004, "tokens_per_second": 51234},
          {"length": 8192, "perplexity": 2.75, "bits_per_byte": 1.4594, "tokens_per_second": 50000}],
         "positions": {"length": 8192, "octaves": [
          {"from": 0, "to": 63, "tokens": 2048, "bits_per_token": 2.5, "standard_error": 0.1},
          {"from": 64, "to": 127, "tokens": 2048, "bits_per_token": 1.5, "standard_error": null}]},
         "copy_probe": {"window": 8192, "span": 32, "dilation": 2, "reach": 63, "octaves": [
          {"from": 32, "to": 63, "bits_without": 4.5, "spans": 40, "gain": 3.25, "standard_error": 0.0625,
           "residues": [{"spans": 20, "gain": 2.5}, {"spans": 20, "gain": 4}]},
          {"from": 64, "to": 127, "bits_without": 4.5, "spans": 0, "gain": null, "standard_error": null,
           "residues": [{"spans": 0, "gain": null}, {"spans": 0, "gain": null}]}]},
         "documents": {"documents": 60, "bytes": 812345, "bits_per_byte": 1.6112, "gzip_bits_per_byte": 1.9823}}
        """);
    Files.writeString(run.resolve("sample.txt"), "class A<T> { String s = \"&\"; \u0001 }");
    Files.writeString(run.resolve("recipe.yaml"), "name: <quickstart>\n");
    Files.writeString(run.resolve("environment.json"), "{\"cpu\": \"AMD & co\", \"cores\": 2}");

    String html = Files.readString(RunReport.write(run));

    assertThat(html)
        .contains(
            "class A&lt;T&gt; { String s = &quot;&amp;&quot;; \u2401 }",
            "name: &lt;quickstart&gt;",
            "AMD &amp; co")
        .contains("1.611", "gzip -9: 1.982", "51,234", "2.750", "3,000 steps")
        .contains(
            "id=\"loss\"",
            "id=\"learning-rate\"",
            "id=\"throughput\"",
            "id=\"perplexity-by-length\"",
            "id=\"bits-by-position\"",
            "id=\"copy-probe\"")
        .contains(
            "Bits by position in windows of 8,192",
            "Copies are found up to 63 tokens back. A span of 32 tokens",
            "<tr><td>32 to 63</td><td>4.50</td><td>3.25</td><td>0.06</td><td>2.50</td><td>4.00</td></tr>",
            "<tr><td>64 to 127</td><td>4.50</td><td>–</td>",
            "class 1 of 2",
            "others")
        .doesNotContain("{{", "<script", "href=", "src=", "NaN");
    assertThat(html.replace("http://www.w3.org/2000/svg", "")).doesNotContain("http");
    for (String plot :
        new String[] {
          "loss",
          "learning-rate",
          "throughput",
          "gradient-norm",
          "perplexity-by-length",
          "bits-by-position",
          "copy-probe"
        }) {
      parse(Files.readString(run.resolve("plots").resolve(plot + ".svg")));
    }
  }

  /// Braces in what a model writes are text, also those that look like the page's own places.
  @Test
  void whatLooksLikeAPlaceIsText() throws IOException {
    writeMetrics(3);
    Files.writeString(run.resolve("sample.txt"), "{{environment}} $1 \\1");
    Files.writeString(run.resolve("environment.json"), "{\"cpu\": \"only once\"}");
    String html = Files.readString(RunReport.write(run));
    assertThat(html).contains("{{environment}} $1 \\1").containsOnlyOnce("only once</td>");
  }

  @Test
  void namesInChartsAreText() throws Exception {
    String evil = "</text><script>alert(\"&\")</script>";
    String svg =
        new Chart(
                evil,
                Axis.spanning(evil, 0, 1),
                Axis.fromZero(evil, new double[] {1}),
                java.util.List.of(
                    new Series(
                        evil, new double[] {0, 1}, new double[] {1, 2}, Series.Style.MARKED)),
                java.util.List.of())
            .svg();
    assertThat(svg)
        .doesNotContain("<script")
        .contains("&lt;/text&gt;&lt;script&gt;alert(&quot;&amp;&quot;)");
    parse(svg);
  }

  @Test
  void aLineIsDrawnWhereItsValuesAre() throws IOException {
    Chart chart =
        Chart.fromZero(
            "t",
            "y",
            java.util.List.of(
                new Series(
                    "",
                    new double[] {0, 1, 2, 3},
                    new double[] {10, 0, Double.NaN, 5},
                    Series.Style.LINE)));
    Matcher lines = Pattern.compile("points=\"([^\"]*)\"").matcher(chart.svg());
    assertThat(lines.find()).isTrue();
    String[] first = lines.group(1).split("[ ,]");
    assertThat(first).hasSize(4);
    assertThat(Double.parseDouble(first[3])).as("0 lies on the x axis").isCloseTo(256, within(0.1));
    assertThat(Double.parseDouble(first[1])).as("10 lies near the top").isBetween(40.0, 60.0);
    assertThat(Double.parseDouble(first[2]) - Double.parseDouble(first[0]))
        .isCloseTo((560 - 58 - 16) / 3.0, within(0.11));
    assertThat(lines.find()).as("a gap starts a new line").isTrue();
    assertThat(lines.group(1).split(",")).hasSize(2);
  }

  @Test
  void aLineStandsWhereAPhaseBegins() throws Exception {
    StringBuilder lines = new StringBuilder();
    for (int step = 1; step <= 9; step++) {
      lines.append(
          "{\"event\":\"train\",\"step\":%d,\"loss\":1,\"phase\":%d,\"window\":%d}\n"
              .formatted(step, step < 5 ? 1 : 2, step < 5 ? 512 : 2048));
    }
    Files.writeString(run.resolve("metrics.jsonl"), lines);
    RunReport.write(run);
    String loss = Files.readString(run.resolve("plots/loss.svg"));
    parse(loss);
    Matcher mark = Pattern.compile("class=\"mark\" x1=\"([0-9.]+)\"").matcher(loss);
    assertThat(mark.find()).isTrue();
    assertThat(Double.parseDouble(mark.group(1)))
        .as("step 5 lies in the middle of 1 to 9")
        .isCloseTo(58 + (560 - 58 - 16) / 2.0, within(0.11));
    assertThat(mark.find()).as("one phase follows another").isFalse();
    assertThat(loss).contains(">windows of 2,048</text>");
    writeMetrics(3);
    RunReport.write(run);
    assertThat(Files.readString(run.resolve("plots/loss.svg"))).doesNotContain("mark");
  }

  @Test
  void longSeriesKeepTheirExtremes() {
    double[] x = new double[100_000];
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      x[i] = i;
      y[i] = Math.sin(i * 0.01);
    }
    y[54_321] = 99;
    Series thin = new Series("", x, y, Series.Style.LINE).thinned();
    assertThat(thin.x().length).isLessThan(1300);
    assertThat(thin.y()).contains(99);
    assertThat(thin.x()).isSorted();
  }

  @Test
  void aRunThatJustBeganHasAReportToo() throws IOException {
    Files.writeString(run.resolve("metrics.jsonl"), "");
    assertThat(Files.readString(RunReport.write(run))).doesNotContain("{{");
    Files.writeString(
        run.resolve("metrics.jsonl"),
        "{\"event\":\"train\",\"step\":1,\"loss\":null}\n{\"event\":\"tr");
    assertThat(Files.readString(RunReport.write(run))).contains("id=\"loss\"");
  }

  @Test
  void refusesWhatIsNoRun() {
    assertThatThrownBy(() -> RunReport.write(run.resolve("none")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("metrics.jsonl");
  }

  private void writeMetrics(int steps) throws IOException {
    StringBuilder lines = new StringBuilder();
    for (int step = 1; step <= steps; step++) {
      lines.append(
          String.format(
              Locale.ROOT,
              "{\"event\":\"train\",\"step\":%d,\"loss\":%.4f,\"gradient_norm\":1.5,"
                  + "\"learning_rate\":0.0006,\"tokens\":%d,"
                  + "\"seconds\":0.2,\"tokens_per_second\":40960,"
                  + "\"matrix_share\":0.8,\"skipped\":false,\"skipped_steps\":0}%n",
              step,
              1 + 4 * Math.exp(-step / 300.0),
              step * 8192L));
    }
    lines.append("{\"event\":\"validation\",\"step\":3000,\"loss\":1.2}\n");
    Files.writeString(run.resolve("metrics.jsonl"), lines);
  }

  private static void parse(String svg) throws Exception {
    DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new InputSource(new StringReader(svg)));
  }
}
