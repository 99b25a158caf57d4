// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

/// A mean of independent values, and how far chance may have moved it.
final class Mean {
  private long count;
  private double mean;
  private double squares;

  /// Welford's update: exact also where the values hardly differ.
  void add(double value) {
    count++;
    double distance = value - mean;
    mean += distance / count;
    squares += distance * (value - mean);
  }

  long count() {
    return count;
  }

  /// NaN where there are no values.
  double value() {
    return count == 0 ? Double.NaN : mean;
  }

  /// The standard error of [#value()]; NaN where there are fewer than two values.
  double error() {
    return count < 2 ? Double.NaN : Math.sqrt(squares / (count - 1) / count);
  }
}
