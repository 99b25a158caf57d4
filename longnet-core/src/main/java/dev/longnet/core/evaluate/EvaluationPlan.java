// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import java.util.List;

/// What is measured on held-out text.
///
/// @param lengths tokens of a window, in the order in which they are measured
/// @param tokens to score at each length, about, see [Evaluator#scoredTokens]
/// @param copies how far back the model finds copies
/// @param documentLength tokens of a window of single documents
/// @param documentTokens of single documents, at most
public record EvaluationPlan(
    List<Long> lengths, long tokens, CopyPlan copies, long documentLength, long documentTokens) {
  public EvaluationPlan {
    lengths = List.copyOf(lengths);
  }

  /// The copy probe.
  ///
  /// @param window tokens of a window: the trained length
  /// @param tokens that go through the model, at most; 0: no probe
  /// @param dilation the largest of the model: distances are told apart modulo it
  /// @param seed of windows, spans and distances
  public record CopyPlan(int window, long tokens, int dilation, long seed) {
    /// Models are compared on the same spans.
    public CopyPlan(int window, long tokens, int dilation) {
      this(window, tokens, dilation, 1);
    }
  }
}
