// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.ElementType;

/// What rows should hold: exactly, and as the plain float32 path has it. A result may be twice as
/// far from the exact one as the plain path is anywhere in the same rows, and a bfloat16 is rounded
/// to the nearest on top of that. The plain path may be exact by luck where there are few numbers,
/// so four units in the last place of the numbers that were summed are always allowed.
record Expected(double[][] exact, double[][] plain) {
  private static final double FLOOR = 0x1p-21;
  private static final double NEAREST = 0x1p-8;

  /// @param terms how large the numbers are that a result is the sum of
  void check(TestRows actual, double terms, String what) {
    double error = 0;
    double largest = 0;
    for (int t = 0; t < exact.length; t++) {
      for (int i = 0; i < exact[t].length; i++) {
        error = Math.max(error, Math.abs(plain[t][i] - exact[t][i]));
        largest = Math.max(largest, Math.abs(exact[t][i]));
      }
    }
    double allowed = Math.max(2 * error, FLOOR * Math.max(largest, terms)) + Float.MIN_NORMAL;
    boolean narrow = actual.block.type() == ElementType.BFLOAT16;
    for (int t = 0; t < exact.length; t++) {
      for (int i = 0; i < exact[t].length; i++) {
        double tolerance = allowed + (narrow ? NEAREST * (Math.abs(exact[t][i]) + allowed) : 0);
        assertThat(actual.get(t, i) - exact[t][i])
            .as(
                "%s, row %d, column %d: %s instead of %s, tolerance %s",
                what, t, i, actual.get(t, i), exact[t][i], tolerance)
            .isBetween(-tolerance, tolerance);
      }
    }
    actual.assertUntouchedAround(what);
  }
}
