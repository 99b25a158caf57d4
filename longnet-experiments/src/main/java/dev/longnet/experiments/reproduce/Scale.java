// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import java.util.List;
import java.util.Locale;

/// How large the experiments are. One formula makes the rows of all scales: they differ in their
/// lengths and in the recipe that they change.
public enum Scale {
  /// Minutes on two cores: shows that everything works, measures nothing.
  QUICK,
  /// A day on two cores: a quarter of the paper's lengths.
  MACHINE,
  /// The paper's own lengths, models and tokens.
  GPU;

  /// The recipe that rows change.
  String recipe() {
    return switch (this) {
      case QUICK -> "evidence-quick";
      case MACHINE -> "evidence";
      case GPU -> "base-125m";
    };
  }

  /// Tokens that models are trained on and tested at, rising.
  List<Integer> lengths() {
    return switch (this) {
      case QUICK -> List.of(64, 256, 1024);
      case MACHINE -> List.of(512, 2048, 8192);
      case GPU -> List.of(2048, 8192, 16384, 32768);
    };
  }

  /// As in file names and on the command line.
  public String label() {
    return name().toLowerCase(Locale.ROOT);
  }
}
