// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// What is measured on held-out documents.
///
/// @param everySteps validation loss while training; 0: at the end only
/// @param everyTokens tokens of one such measurement
/// @param lengths context lengths of the evaluation at the end, in tokens
/// @param tokens of the evaluation at the end, for each length
/// @param copyProbe tokens of the copy probe at the end; 0: none
/// @param documentTokens of whole documents that are compared with gzip at the end; as many as the
///   held-out ones have: all of them
public record EvaluationConfig(
    long everySteps,
    long everyTokens,
    List<Long> lengths,
    long tokens,
    long copyProbe,
    long documentTokens) {
  public EvaluationConfig {
    lengths = List.copyOf(lengths);
  }

  static EvaluationConfig read(Section s, int window) {
    long tokens = s.wholeNumber("tokens", 262_144, 1);
    EvaluationConfig result =
        new EvaluationConfig(
            s.wholeNumber("every_steps", 0, 0),
            s.wholeNumber("every_tokens", 65_536, 1),
            s.wholeNumbers("lengths", List.of((long) window), 2),
            tokens,
            s.wholeNumber("copy_probe", tokens, 0),
            s.wholeNumber("document_tokens", Math.max(1, tokens / 2), 1));
    s.done();
    return result;
  }
}
