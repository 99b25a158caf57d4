// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

/// Hears an evaluation's numbers as they come, on the thread that asked for it.
public interface EvaluationListener {
  /// Before anything is scored.
  ///
  /// @param tokens that each length scores
  /// @param bytes of text they stand for
  default void scoring(long tokens, long bytes) {}

  default void scored(Evaluation.AtLength at) {}

  default void scored(ByPosition positions) {}

  default void scored(Copies copies) {}

  default void scored(Evaluation.Documents documents) {}
}
