// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.List;
import java.util.Locale;

/// How large the experiments are. One formula makes the rows of all scales: they differ in their
/// lengths and in the recipe that they change.
public enum Scale {
  /// Minutes on two cores: shows that everything works, measures nothing.
  QUICK("evidence-quick", List.of(64, 256, 1024)),
  /// A day on two cores: a quarter of the paper's lengths.
  MACHINE("evidence", List.of(512, 2048, 8192)),
  /// The paper's own lengths, models and tokens.
  GPU("base-125m", List.of(2048, 8192, 16384, 32768));

  private final String recipe;
  private final List<Integer> lengths;

  Scale(String recipe, List<Integer> lengths) {
    this.recipe = recipe;
    this.lengths = lengths;
  }

  /// The recipe that rows change.
  String recipe() {
    return recipe;
  }

  /// Tokens that models are trained on and tested at, rising.
  List<Integer> lengths() {
    return lengths;
  }

  /// As in file names and on the command line.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
