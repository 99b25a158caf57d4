package dev.longnet.experiments.report;

import java.util.List;

/// Time and memory of streams against tokens.
public final class StreamCharts {
  private StreamCharts() {}

  /// One line of a chart.
  public record Line(String name, double[] tokens, double[] values) {}

  /// Both axes logarithmic.
  public static String logarithmic(String title, String y, List<Line> lines) {
    List<Series> series = lines.stream().map(l -> new Series(l.name(), l.tokens(), l.values(), Series.Style.MARKED)).toList();
    double[] xs = lines.stream().flatMapToDouble(l -> java.util.Arrays.stream(l.tokens())).toArray();
    double[] ys = lines.stream().flatMapToDouble(l -> java.util.Arrays.stream(l.values())).toArray();
    return new Chart(title, Axis.around("tokens", xs, true), Axis.around(y, ys, true), series, List.of()).svg();
  }
}
