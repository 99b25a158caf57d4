// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.lm.distributed.Collectives;
import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Work of rank 0 that the others wait for, however long it takes: it says to them again and again
/// that it goes on, so that none of their waits is long enough to take it for lost.
final class Solo {
  private static final Duration WORD = Duration.ofSeconds(30);

  /// What rank 0 does.
  interface Work<T> {
    T run() throws IOException;
  }

  private Solo() {}

  /// All ranks call this, and return when rank 0's work is done. What ends it is the caller's to
  /// say to the others.
  ///
  /// @return what rank 0's work returned; null on the others
  static <T> @Nullable T run(Collectives world, Work<T> work) throws IOException {
    return run(world, WORD, work);
  }

  static <T> @Nullable T run(Collectives world, Duration word, Work<T> work) throws IOException {
    if (world.rank() != 0) {
      while (world.sum(0) == 0) {
        // It goes on.
      }
      return null;
    }
    CountDownLatch done = new CountDownLatch(1);
    Thread words =
        Thread.ofPlatform()
            .daemon()
            .name("longnet-rank-0-goes-on")
            .start(() -> {
              try {
                while (!done.await(word.toMillis(), TimeUnit.MILLISECONDS)) {
                  world.sum(0);
                }
              } catch (InterruptedException | RuntimeException e) {
                // A group that failed says so again below.
              }
            });
    T result;
    try {
      result = work.run();
    } finally {
      done.countDown();
    }
    // One thread at a time calls the group.
    RankThreads.join(words);
    world.sum(1);
    return result;
  }
}
