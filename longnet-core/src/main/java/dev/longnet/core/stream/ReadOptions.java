// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import java.lang.foreign.MemorySegment;
import java.util.Optional;
import java.util.function.BooleanSupplier;

/// What reading tokens gives back beside the state, and when it stops early.
///
/// @param losses gets -log p(token | all before) of each token; NaN for the first of a stream,
///   which nothing precedes
/// @param logits [count, V], gets the scores of what follows each token
/// @param cancelled asked before every chunk; when it says true, the read returns
public record ReadOptions(
    Optional<float[]> losses, Optional<MemorySegment> logits, BooleanSupplier cancelled) {
  /// Nothing but the state, to the end.
  public static ReadOptions plain() {
    return new ReadOptions(Optional.empty(), Optional.empty(), () -> false);
  }

  /// @param losses at least as many floats as tokens are read
  public ReadOptions withLosses(float[] losses) {
    return new ReadOptions(Optional.of(losses), logits, cancelled);
  }

  /// @param logits room for [count, V] floats
  public ReadOptions withLogits(MemorySegment logits) {
    return new ReadOptions(losses, Optional.of(logits), cancelled);
  }

  public ReadOptions withCancelled(BooleanSupplier cancelled) {
    return new ReadOptions(losses, logits, cancelled);
  }

  /// Whether only the state is wanted.
  boolean stateOnly() {
    return losses.isEmpty() && logits.isEmpty();
  }
}
