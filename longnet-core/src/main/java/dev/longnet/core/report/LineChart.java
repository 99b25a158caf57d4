// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import java.util.Arrays;
import java.util.List;
import java.util.stream.DoubleStream;

/// A chart of a few lines with marks on their points, as one SVG file.
///
/// @param logarithmicY whether y is logarithmic; x always is
public record LineChart(
    String title, String xLabel, String yLabel, boolean logarithmicY, List<Line> lines) {
  private static final int MOST_TICKS = 6;

  /// @param name in the legend
  /// @param y as many as x; NaN interrupts the line
  public record Line(String name, double[] x, double[] y) {}

  public LineChart {
    lines = List.copyOf(lines);
  }

  public String svg() {
    List<Series> series =
        lines.stream().map(l -> new Series(l.name, l.x, l.y, Series.Style.MARKED)).toList();
    double[] xs = lines.stream().flatMapToDouble(l -> Arrays.stream(l.x)).distinct().toArray();
    double[] ys = lines.stream().flatMapToDouble(l -> Arrays.stream(l.y)).toArray();
    // Few lengths are marked themselves; many values would write over one another.
    boolean few = xs.length <= MOST_TICKS && DoubleStream.of(xs).allMatch(x -> x == Math.rint(x));
    return new Chart(
            title,
            Axis.around(xLabel, xs, true),
            Axis.around(yLabel, ys, logarithmicY),
            series,
            few ? DoubleStream.of(xs).sorted().boxed().toList() : List.of())
        .svg();
  }
}
