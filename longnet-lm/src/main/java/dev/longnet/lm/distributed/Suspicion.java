// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

/// What a rank noticed that ends its group.
sealed interface Suspicion {
  /// A connection broke.
  ///
  /// @param during what
  /// @param peer in the group
  record Broken(GlooGroup group, String during, int peer, String reason) implements Suspicion {}

  /// An exchange is not over in time.
  record Overdue(GlooGroup group, GlooExchange exchange) implements Suspicion {}

  /// A rank shows no sign of life, whatever this one does.
  ///
  /// @param during what
  record Silent(String during) implements Suspicion {}

  /// All ranks have waited for the timeout: none of them is at work.
  ///
  /// @param mine what this one waits for
  record AllWait(Overdue mine) implements Suspicion {}

  /// The failure is known already.
  record Known(Failure failure) implements Suspicion {}
}
