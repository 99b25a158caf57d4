// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PublisherTest {
  @TempDir Path folder;

  private static ResultTable table(String name, String cell) {
    return new ResultTable(
        name,
        "",
        Samples.MEASURED,
        new ResultTable.Content(List.of(Column.text("a")), List.of(List.of(cell)), List.of()));
  }

  @Test
  void aProjectsPageShowsTheTablesThatItHasAPlaceFor() throws IOException {
    Path measurements = Files.createDirectories(folder.resolve("docs/measurements"));
    Path page =
        Files.writeString(
            folder.resolve("RESULTS.md"),
            "<!-- table:paper -->\n<!-- /table -->\n<!-- table:one -->\n<!-- /table -->\n");
    ResultTable paper =
        new ResultTable(
            "paper",
            "",
            new Measured("", Measured.Machine.UNKNOWN, "", "", List.of()),
            new ResultTable.Content(
                List.of(
                    Column.text("the paper"),
                    Column.text("ours"),
                    Column.text("command"),
                    Column.text("machine"),
                    Column.text("commit"),
                    Column.text("date")),
                List.of(
                    List.of("It falls steadily.", "not yet", "", "", "", ""),
                    List.of("It rises.", "not yet", "", "", "", "")),
                List.of()));
    TableJson.write(measurements.resolve("paper.json"), paper);
    TableJson.write(measurements.resolve("one.json"), table("one", "before"));
    ResultTable one = table("one", "now");
    Findings findings =
        new Findings(
            List.of(one, table("two", "nowhere")),
            List.of(
                new Findings.Plot(
                    "one",
                    new LineChart(
                        "title",
                        "x",
                        "y",
                        false,
                        List.of(
                            new LineChart.Line("l", new double[] {1, 2}, new double[] {1, 2}))))),
            List.of(new Findings.PaperCell("It falls", "It fell by 0.1.", one)));
    Publisher publisher = new Publisher(folder.resolve("out"), Publisher.Project.in(folder));
    assertThat(publisher.publish(List.of(findings))).contains(page);
    assertThat(folder.resolve("out/two.md")).exists();
    assertThat(TableJson.read(folder.resolve("out/one.json"))).isEqualTo(one);
    assertThat(folder.resolve("out/one.svg")).exists();
    assertThat(measurements.resolve("two.json")).doesNotExist();
    assertThat(folder.resolve("docs/evidence-one.svg")).exists();
    assertThat(Files.readString(page))
        .contains("| now |")
        .contains(
            "| It falls steadily. | It fell by 0.1. | longnet reproduce | a CPU, 2 cores | abc1234 | 2026-11-30 |")
        .contains("| It rises. | not yet |");
  }

  @Test
  void elsewhereNoPageIsTouched() throws IOException {
    assertThat(Publisher.Project.in(folder)).isEmpty();
  }
}
