// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import java.util.Locale;

/// How often ranks fail, and what follows for checkpoints.
///
/// @param meanSeconds between two failures of the whole run
public record Reliability(double meanSeconds) {
  /// Of a rank: 419 failures in 54 days of 16,384 GPUs (Llama 3).
  public static final double FAILURES_PER_RANK_YEAR = 419 / (16_384 * 54 / 365.25);

  private static final double YEAR = 365.25 * 86_400;

  public Reliability {
    if (!(meanSeconds > 0)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "the time between failures must be positive: %s s", meanSeconds));
    }
  }

  /// @param failures of one rank a year
  public static Reliability of(int ranks, double failures) {
    if (!(failures > 0)) {
      throw new IllegalArgumentException(
          "failures of a rank a year must be positive: failuresPerRankYear=" + failures);
    }
    return new Reliability(YEAR / (ranks * failures));
  }

  /// Seconds from one checkpoint to the next that lose least (Young, Daly): sqrt(2 x save x mean).
  ///
  /// @param saveSeconds a checkpoint takes
  public double interval(double saveSeconds) {
    return Math.sqrt(2 * saveSeconds * meanSeconds);
  }

  /// The share of time that checkpoints and work done twice take at this interval, roughly.
  public double lost(double saveSeconds) {
    double interval = interval(saveSeconds);
    return Math.min(1, saveSeconds / interval + interval / (2 * meanSeconds));
  }
}
