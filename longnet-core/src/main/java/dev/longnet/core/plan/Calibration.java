// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import java.util.List;

/// What was measured on a machine.
///
/// @param rates of one rank
/// @param link between two ranks of it
/// @param spread the largest ratio of two times of one thing; at least 1
/// @param basis where and when, a phrase
public record Calibration(Rates rates, Link link, double spread, String basis) {
  /// What a plan cannot know though all rates were measured: how ranks wait for one another, and
  /// what a rank loses while bytes are copied.
  private static final double MODEL = 1.15;

  public Calibration {
    if (!(spread >= 1)) {
      throw new IllegalArgumentException("spread must be at least 1: spread=" + spread);
    }
  }

  /// The factor by which a plan with these rates may be wrong.
  double doubt() {
    return MODEL * spread;
  }

  /// Rates of a rank with another share of the machine.
  ///
  /// @param factor of the measured rates
  public Calibration faster(double factor) {
    return new Calibration(rates.faster(factor), link, spread, basis);
  }

  /// The spread of times of one thing.
  ///
  /// @param seconds one or more
  public static double spread(List<Double> seconds) {
    double most = seconds.stream().mapToDouble(Double::doubleValue).max().orElseThrow();
    double least = seconds.stream().mapToDouble(Double::doubleValue).min().orElseThrow();
    return most / least;
  }
}
