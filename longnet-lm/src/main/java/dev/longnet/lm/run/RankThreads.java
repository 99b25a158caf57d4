// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;

/// The ranks of a process, each on a thread of its own; a single one on the caller's.
final class RankThreads {
  private RankThreads() {}

  /// Returns when all have ended. One that fails tells the others.
  ///
  /// @param tasks of the ranks, in their order
  /// @param ranks what each exchanges over
  /// @return what the first one returned
  static Result run(List<Callable<Result>> tasks, List<Collectives> ranks) throws IOException {
    if (tasks.size() == 1) {
      return call(tasks.getFirst());
    }
    List<@Nullable Result> results =
        new ArrayList<>(Collections.nCopies(tasks.size(), (Result) null));
    List<@Nullable Throwable> failures =
        new ArrayList<>(Collections.nCopies(tasks.size(), (Throwable) null));
    List<Thread> threads = new ArrayList<>();
    for (int i = 0; i < tasks.size(); i++) {
      int number = i;
      threads.add(
          Thread.ofPlatform()
              .daemon()
              .name("longnet-rank-" + ranks.get(i).rank())
              .start(() -> {
                try {
                  results.set(number, call(tasks.get(number)));
                } catch (Throwable e) {
                  failures.set(number, e);
                  if (!(e instanceof PeerLostException)) {
                    ranks.get(number).abort(FieldMessage.of(e));
                  }
                }
              }));
    }
    threads.forEach(RankThreads::join);
    Throwable failure = first(failures);
    switch (failure) {
      case null -> {}
      case IOException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new IllegalStateException(failure);
    }
    Result result = results.getFirst();
    if (result == null) {
      throw new IllegalStateException("a rank ended without a result");
    }
    return result;
  }

  /// The cause rather than what follows from it.
  private static @Nullable Throwable first(List<@Nullable Throwable> failures) {
    Throwable found = null;
    for (Throwable failure : failures) {
      if (failure != null && (found == null || found instanceof PeerLostException)) {
        found = failure;
      }
    }
    return found;
  }

  private static Result call(Callable<Result> task) throws IOException {
    try {
      return task.call();
    } catch (IOException | RuntimeException e) {
      throw e;
    } catch (Exception e) {
      throw new IllegalStateException(e);
    }
  }

  /// Waits for a thread to end, also on an interrupted one, which stays interrupted.
  static void join(Thread thread) {
    boolean interrupted = false;
    while (true) {
      try {
        thread.join();
        break;
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
