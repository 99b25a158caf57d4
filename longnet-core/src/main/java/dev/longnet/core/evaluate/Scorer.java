// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

/// Scores known text: what evaluation needs of a model.
///
/// Legend: n, the tokens that [#sharing()] gives this scorer of a window; all N where it is alone.
@FunctionalInterface
public interface Scorer {
  /// Negative log-likelihood of every next token.
  ///
  /// @param windows [batch, n + 1] ids, row by row: inputs and, one later, their targets
  /// @param tokens N, of whole windows
  /// @return [batch, n] nats, row by row
  float[] losses(long[] windows, int batch, int tokens);

  /// Who else scores.
  default Sharing sharing() {
    return Sharing.ALONE;
  }

  /// Ids that a prediction spreads its probability over; 0 where that is not known.
  default int vocabulary() {
    return 0;
  }

  /// As [#losses], and how much of a prediction's probability goes to some ids.
  ///
  /// @param ids of the vocabulary
  /// @throws UnsupportedOperationException where [#vocabulary()] is not known
  default Shared shared(long[] windows, int batch, int tokens, int[] ids) {
    throw new UnsupportedOperationException();
  }

  /// @param losses [batch, n] nats
  /// @param share sum over these predictions of the probability of the ids in question
  record Shared(float[] losses, double share) {}
}
