// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import java.util.ArrayList;
import java.util.List;

/// One line of a chart; points whose y is not finite interrupt it.
///
/// @param name in the legend; empty: none
/// @param style how it is drawn
record Series(String name, double[] x, double[] y, Style style) {
  enum Style {
    LINE,
    /// Thin and pale: the raw values behind a smoothed line.
    FAINT,
    /// A line with a mark on every point.
    MARKED
  }

  private static final int MOST_POINTS = 1200;

  Series {
    if (x.length != y.length) {
      throw new IllegalArgumentException(
          "series " + name + " has " + x.length + " x and " + y.length + " y");
    }
  }

  /// The exponential moving average with the given span in points.
  static double[] smoothed(double[] y, int span) {
    double keep = 1 - 2.0 / (span + 1);
    double[] smooth = new double[y.length];
    double sum = 0;
    double weight = 0;
    for (int i = 0; i < y.length; i++) {
      if (Double.isFinite(y[i])) {
        sum = keep * sum + y[i];
        weight = keep * weight + 1;
      }
      smooth[i] = weight == 0 ? Double.NaN : sum / weight;
    }
    return smooth;
  }

  /// The same picture from fewer points: of every bucket the lowest and the highest.
  Series thinned() {
    if (x.length <= MOST_POINTS) {
      return this;
    }
    int bucket = (2 * x.length + MOST_POINTS - 1) / MOST_POINTS;
    List<Integer> kept = new ArrayList<>();
    for (int from = 0; from < x.length; from += bucket) {
      int low = from;
      int high = from;
      for (int i = from; i < Math.min(x.length, from + bucket); i++) {
        low = y[i] < y[low] ? i : low;
        high = y[i] > y[high] ? i : high;
      }
      kept.add(Math.min(low, high));
      if (low != high) {
        kept.add(Math.max(low, high));
      }
    }
    return new Series(
        name,
        kept.stream().mapToDouble(i -> x[i]).toArray(),
        kept.stream().mapToDouble(i -> y[i]).toArray(),
        style);
  }
}
