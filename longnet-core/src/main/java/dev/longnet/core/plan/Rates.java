// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;

/// How fast a rank computes, in floating-point operations a second.
///
/// @param tokenwise products with a model's matrices, and in their share all that goes with them:
///   norms, activations, loss, optimizer
/// @param folds rates of attention, by the keys of a segment; one or more
public record Rates(double tokenwise, List<Fold> folds) {
  /// @param rows keys of a segment: w / r
  /// @param forward FLOP/s of a forward pass, 4 D operations a pair
  /// @param backward of a backward pass, 10 D a pair
  public record Fold(long rows, double forward, double backward) {
    public Fold {
      if (rows < 1 || !(forward > 0) || !(backward > 0)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "a fold's rate needs rows and rates above 0: rows=%d, forward=%s, backward=%s",
                rows,
                forward,
                backward));
      }
    }
  }

  public Rates {
    folds = folds.stream().sorted(Comparator.comparingLong(Fold::rows)).toList();
    if (folds.isEmpty() || !(tokenwise > 0)) {
      throw new IllegalArgumentException(
          "rates need a fold and products above 0: tokenwise=" + tokenwise + ", folds=" + folds);
    }
  }

  /// The rate of segments of so many keys: between two that are known on a line over the logarithm
  /// of keys, beyond them that of the nearest.
  public Fold of(long rows) {
    Fold below = folds.getFirst();
    for (Fold above : folds) {
      if (above.rows >= rows) {
        if (above == below || below.rows >= rows) {
          return above;
        }
        double share =
            Math.log((double) rows / below.rows) / Math.log((double) above.rows / below.rows);
        return new Fold(
            rows,
            below.forward + share * (above.forward - below.forward),
            below.backward + share * (above.backward - below.backward));
      }
      below = above;
    }
    return below;
  }

  Rates faster(double factor) {
    return new Rates(
        tokenwise * factor,
        folds.stream()
            .map(f -> new Fold(f.rows, f.forward * factor, f.backward * factor))
            .toList());
  }
}
