// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Function;

/// Runs ranks of one process, each on a platform thread of its own.
final class AllRanks {
  private AllRanks() {}

  /// Calls `body` for every rank at the same time and waits a minute at most.
  ///
  /// @return what it returned, in the order of ranks; a rank's exception is thrown
  static <C, T> List<T> call(List<C> ranks, Function<C, T> body) {
    List<Callable<T>> calls = new ArrayList<>();
    for (C rank : ranks) {
      calls.add(() -> body.apply(rank));
    }
    List<T> results = new ArrayList<>();
    for (FutureTask<T> task : start(calls)) {
      results.add(result(task));
    }
    return results;
  }

  /// As [#call], but returns each rank's exception; a rank that throws none fails the test.
  static <C> List<Throwable> failures(List<C> ranks, Function<C, ?> body) {
    return call(
        ranks,
        rank -> {
          try {
            Object result = body.apply(rank);
            throw new AssertionError("no exception but " + result);
          } catch (RuntimeException e) {
            return e;
          }
        });
  }

  static <T> List<FutureTask<T>> start(List<Callable<T>> calls) {
    List<FutureTask<T>> tasks = new ArrayList<>();
    for (Callable<T> call : calls) {
      FutureTask<T> task = new FutureTask<>(call);
      Thread.ofPlatform().daemon().name("rank-" + tasks.size()).start(task);
      tasks.add(task);
    }
    return tasks;
  }

  static <T> T result(FutureTask<T> task) {
    try {
      return task.get(60, TimeUnit.SECONDS);
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case RuntimeException known -> throw known;
        case Error known -> throw known;
        default -> throw new AssertionError(e);
      }
    } catch (InterruptedException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  /// Gloo's ranks as threads of this process, connected over the loopback interface.
  static List<Collectives> gloo(int size, Duration timeout) {
    int port = freePort();
    List<Rendezvous> all = new ArrayList<>();
    for (int rank = 0; rank < size; rank++) {
      all.add(Rendezvous.of(rank, size, "127.0.0.1", port).withTimeout(timeout));
    }
    return call(all, GlooCollectives::join);
  }

  static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }
}
