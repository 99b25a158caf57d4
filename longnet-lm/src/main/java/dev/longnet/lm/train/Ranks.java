// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.model.Span;
import java.util.Collection;
import org.bytedeco.pytorch.Tensor;

/// What the other ranks of a run add to a step. Sums go over all ranks and are divided once, so
/// that nothing depends on how targets lie on the ranks.
public interface Ranks {
  /// The part of every window that this rank trains on.
  ///
  /// @param window N, tokens
  Span span(long window);

  /// Adds the gradients of all ranks, in place, on every one of them.
  void sum(Collection<Tensor> gradients);

  /// The mean loss over the targets of all ranks.
  ///
  /// @param lossSum of this rank's targets, nats
  /// @param targets this rank counted
  double mean(double lossSum, long targets);

  /// Targets of all ranks.
  ///
  /// @param targets this rank counts
  long targets(long targets);

  /// Whether this rank writes checkpoints and logs.
  boolean writes();

  /// A run of one rank: nothing is exchanged.
  static Ranks one() {
    return new Ranks() {
      @Override
      public Span span(long window) {
        return Span.whole(window);
      }

      @Override
      public void sum(Collection<Tensor> gradients) {}

      @Override
      public double mean(double lossSum, long targets) {
        return lossSum / targets;
      }

      @Override
      public long targets(long targets) {
        return targets;
      }

      @Override
      public boolean writes() {
        return true;
      }
    };
  }
}
