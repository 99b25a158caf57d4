// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments;

import java.util.Arrays;
import java.util.List;

/// What benchmarks make of their samples.
public final class Statistics {
  private Statistics() {}

  /// The middle of the sorted values; of an even number of them the mean of the two in the middle.
  ///
  /// @throws IllegalArgumentException without values
  public static double median(double... values) {
    if (values.length == 0) {
      throw new IllegalArgumentException("no values have a median");
    }
    double[] sorted = values.clone();
    Arrays.sort(sorted);
    double high = sorted[sorted.length / 2];
    return sorted.length % 2 == 1 ? high : (sorted[sorted.length / 2 - 1] + high) / 2;
  }

  public static double median(List<Double> values) {
    return median(values.stream().mapToDouble(Double::doubleValue).toArray());
  }

  /// The e of y ~ x^e: the slope of log(y) over log(x) by least squares; NaN below two points.
  public static double exponent(double[] x, double[] y) {
    if (x.length < 2) {
      return Double.NaN;
    }
    double meanX = Arrays.stream(x).map(Math::log).average().orElseThrow();
    double meanY = Arrays.stream(y).map(Math::log).average().orElseThrow();
    double above = 0;
    double below = 0;
    for (int i = 0; i < x.length; i++) {
      double fromMean = Math.log(x[i]) - meanX;
      above += fromMean * (Math.log(y[i]) - meanY);
      below += fromMean * fromMean;
    }
    return above / below;
  }
}
