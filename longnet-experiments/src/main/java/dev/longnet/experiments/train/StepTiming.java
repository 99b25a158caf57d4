// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;

/// How training steps, or passes, are timed.
///
/// @param what the count is called
/// @param steps timed
/// @param warmUpSeconds before them, two steps at least: the JVM compiles what small steps run in
///   some twenty seconds
public record StepTiming(String what, int steps, double warmUpSeconds) {
  private static final int WARM_STEPS = 2;

  public StepTiming {
    if (steps < 1) {
      throw new FieldException("%1$s must be positive: %1$s=%2$d", Field.of(what), steps);
    }
    if (!(warmUpSeconds >= 0 && warmUpSeconds <= 3600)) {
      throw new FieldException(
          "%1$s must be from 0 to 3600 seconds: %1$s=%2$s", Field.of("warm-up"), warmUpSeconds);
    }
  }

  /// @param taken steps
  /// @param began nanoseconds, when the first of them did
  boolean warm(int taken, long began) {
    return taken >= WARM_STEPS && System.nanoTime() - began >= warmUpSeconds * 1e9;
  }
}
