// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.lm.model.Span;
import java.util.Collection;
import org.bytedeco.pytorch.Tensor;

/// What the other ranks of a run add to a step. Sums go over all ranks and are divided once, so
/// that nothing depends on how targets lie on the ranks.
///
/// Every rank trains with the same configuration and calls the same methods in the same order; each
/// call of [#sum] or [#any] waits for the others.
public interface Ranks {
  /// The part of every window that this rank trains on.
  ///
  /// @param window N, tokens
  Span span(long window);

  /// Adds the gradients of all ranks, in place, on every one of them.
  void sum(Collection<Tensor> gradients);

  /// A number of this rank, such as its loss or its count of targets, added up over all ranks.
  double sum(double ofThisRank);

  /// Whether it holds on any rank. Ranks decide with it together what one of them alone knows: a
  /// stop was asked for, the time is up.
  default boolean any(boolean onThisRank) {
    return sum(onThisRank ? 1 : 0) > 0;
  }

  /// Whether this rank writes checkpoints and logs. The others leave the run's directory alone.
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
      public double sum(double ofThisRank) {
        return ofThisRank;
      }

      @Override
      public boolean writes() {
        return true;
      }
    };
  }
}
