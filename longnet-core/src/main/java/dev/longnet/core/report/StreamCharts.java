// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import java.util.List;
import java.util.Locale;

/// Time and memory of streams against tokens.
public final class StreamCharts {
  private StreamCharts() {}

  /// One line of a chart.
  public record Line(String name, double[] tokens, double[] values) {}

  /// Both axes logarithmic.
  public static String logarithmic(String title, String y, List<Line> lines) {
    List<Series> series =
        lines.stream()
            .map(l -> new Series(l.name(), l.tokens(), l.values(), Series.Style.MARKED))
            .toList();
    double[] xs =
        lines.stream().flatMapToDouble(l -> java.util.Arrays.stream(l.tokens())).toArray();
    double[] ys =
        lines.stream().flatMapToDouble(l -> java.util.Arrays.stream(l.values())).toArray();
    return new Chart(
            title, Axis.around("tokens", xs, true), Axis.around(y, ys, true), series, List.of())
        .svg();
  }

  /// Two charts as one picture, beside one another.
  public static String sideBySide(String left, String right) {
    return String.format(
        Locale.ROOT,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\">%n%s%s</svg>%n",
        2 * Chart.WIDTH,
        Chart.HEIGHT,
        placed(left, 0),
        placed(right, Chart.WIDTH));
  }

  private static String placed(String svg, int x) {
    return svg.replaceFirst(
        "<svg ",
        String.format(
            Locale.ROOT,
            "<svg x=\"%d\" width=\"%d\" height=\"%d\" ",
            x,
            Chart.WIDTH,
            Chart.HEIGHT));
  }
}
