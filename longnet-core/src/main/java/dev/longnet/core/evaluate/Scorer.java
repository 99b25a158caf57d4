// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

/// Scores known text: what evaluation needs of a model.
@FunctionalInterface
public interface Scorer {
  /// Negative log-likelihood of every next token.
  ///
  /// @param windows [batch, tokens + 1] ids, row by row: inputs and, one later, their targets
  /// @return [batch, tokens] nats, row by row
  float[] losses(long[] windows, int batch, int tokens);
}
