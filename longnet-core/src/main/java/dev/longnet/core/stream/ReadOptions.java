// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/// What reading tokens gives back beside the state, and when it stops early.
///
/// @param losses gets -log p(token | all before) of each token; NaN for the first of a stream,
///   which nothing precedes
/// @param shares beside the losses, how much of each prediction went to some ids
/// @param logits [count, V], gets the scores of what follows each token
/// @param cancelled asked before every chunk; when it says true, the read returns
public record ReadOptions(
    Optional<float[]> losses,
    Optional<Shares> shares,
    Optional<MemorySegment> logits,
    BooleanSupplier cancelled) {
  /// @param ids of the vocabulary
  /// @param of gets the probability that the ids had together instead of each token
  public record Shares(int[] ids, float[] of) {}

  /// Nothing but the state, to the end.
  public static ReadOptions plain() {
    return new ReadOptions(Optional.empty(), Optional.empty(), Optional.empty(), () -> false);
  }

  /// @param losses at least as many floats as tokens are read
  public ReadOptions withLosses(float[] losses) {
    return new ReadOptions(Optional.of(losses), shares, logits, cancelled);
  }

  /// @param shares of a read that has losses, too; as many floats
  public ReadOptions withShares(Shares shares) {
    return new ReadOptions(losses, Optional.of(shares), logits, cancelled);
  }

  /// @param logits room for [count, V] floats
  public ReadOptions withLogits(MemorySegment logits) {
    return new ReadOptions(losses, shares, Optional.of(logits), cancelled);
  }

  public ReadOptions withCancelled(BooleanSupplier cancelled) {
    return new ReadOptions(losses, shares, logits, cancelled);
  }

  /// Whether only the state is wanted.
  boolean stateOnly() {
    return losses.isEmpty() && logits.isEmpty();
  }
}
