// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import java.util.List;

/// What is measured on held-out text.
///
/// @param lengths tokens of a window, in the order in which they are measured
/// @param tokens to score at each length, about, see [Evaluator#scoredTokens]
/// @param documentLength tokens of a window of single documents
/// @param documentTokens of single documents, at most
public record EvaluationPlan(
    List<Long> lengths, long tokens, long documentLength, long documentTokens) {
  public EvaluationPlan {
    lengths = List.copyOf(lengths);
  }
}
