// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.Locale;

/// What tells one run from all others.
///
/// @param experiment such as `table2`
/// @param row of its table, such as `ours-8k`
/// @param seed of weights and order
/// @param pilot a fifth of the tokens, to find mistakes before days are spent
public record RunId(String experiment, String row, Scale scale, long seed, boolean pilot) {
  private static final String WORDS = "[a-z0-9]+(-[a-z0-9]+)*";

  public RunId {
    if (!experiment.matches("[a-z0-9]+") || !row.matches(WORDS) || seed < 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a run needs an experiment and a row in lower-case letters and digits, and a seed of at least 0: %s, %s, %d",
              experiment,
              row,
              seed));
    }
  }

  /// `table2-machine-ours-8k-seed1`, of a pilot `table2-machine-pilot-ours-8k-seed1`: the name of
  /// its recipe, its directory and its evidence.
  public String name() {
    return String.join(
        "-", experiment, pilot ? scale.label() + "-pilot" : scale.label(), row, "seed" + seed);
  }

  /// For people.
  @Override
  public String toString() {
    return experiment + " " + row + ", seed " + seed;
  }
}
