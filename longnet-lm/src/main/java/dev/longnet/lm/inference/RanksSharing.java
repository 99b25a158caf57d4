// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.inference;

import dev.longnet.core.evaluate.Sharing;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.train.Ranks;

/// Ranks evaluate as they train: the groups share out the windows, the ranks of a group each
/// window.
record RanksSharing(Ranks ranks) implements Sharing {
  @Override
  public Part part(int window) {
    Span span = ranks.span(window);
    return new Part((int) span.first(), (int) span.tokens());
  }

  @Override
  public boolean takes(long turn) {
    return turn % ranks.groups() == ranks.rank() / ranks.shards().shards();
  }

  @Override
  public boolean takesAlone(long turn) {
    return turn % ranks.size() == ranks.rank();
  }

  @Override
  public double[] sums(double... own) {
    return ranks.sums(own);
  }
}
