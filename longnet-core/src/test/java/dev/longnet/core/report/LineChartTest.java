// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class LineChartTest {
  private static String svg(int lines) {
    List<LineChart.Line> all =
        IntStream.range(0, lines)
            .mapToObj(i ->
                new LineChart.Line(
                    "line number " + i, new double[] {512, 8192}, new double[] {1.5, 1.4 + i}))
            .toList();
    return new LineChart("a title", "tokens", "bits", false, all).svg();
  }

  @Test
  void aShortLegendStandsBesideTheTitle() {
    assertThat(svg(2)).contains("y=\"20.0\" text-anchor=\"end\" >line number 1<");
    assertThat(svg(2)).contains(">8,192<");
  }

  @Test
  void aLongOneStandsInLinesOfItsOwnAboveThePlot() {
    String svg = svg(8);
    for (int i = 0; i < 8; i++) {
      assertThat(svg).contains("text-anchor=\"start\" >line number " + i + "<");
    }
    assertThat(svg).contains("y=\"36.0\"").contains("y=\"52.0\"").doesNotContain("y=\"68.0\"");
    double highest =
        svg.lines()
            .filter(line -> line.startsWith("<circle"))
            .mapToDouble(line -> Double.parseDouble(line.replaceAll(".*cy=\"([0-9.]+)\".*", "$1")))
            .min()
            .orElseThrow();
    assertThat(highest).isGreaterThan(60);
  }
}
