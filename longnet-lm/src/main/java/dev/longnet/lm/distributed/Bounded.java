// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;
import java.util.function.Supplier;

/// Calls native code that may wait for ever, and waits for it only so long.
final class Bounded {
  private static final long POLL_MILLIS = 50;

  private Bounded() {}

  /// Calls on a thread of its own, which is left behind when it does not return.
  ///
  /// @param late what to throw then
  static <T> T call(Duration limit, Callable<T> call, Supplier<RuntimeException> late) {
    return call(limit, () -> false, call, late);
  }

  /// As above.
  ///
  /// @param vain whether to wait no longer
  static <T> T call(
      Duration limit, BooleanSupplier vain, Callable<T> call, Supplier<RuntimeException> late) {
    long end = System.nanoTime() + limit.toNanos();
    FutureTask<T> task = new FutureTask<>(call);
    Thread.ofPlatform().daemon().name("longnet-ranks-call").start(task);
    try {
      while (true) {
        try {
          return task.get(POLL_MILLIS, TimeUnit.MILLISECONDS);
        } catch (TimeoutException _) {
          if (vain.getAsBoolean() || System.nanoTime() > end) {
            throw late.get();
          }
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new PeerLostException("interrupted while waiting for other ranks", e);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException known -> throw known;
        case Error known -> throw known;
        case null, default -> throw new IllegalStateException(e);
      }
    }
  }
}
