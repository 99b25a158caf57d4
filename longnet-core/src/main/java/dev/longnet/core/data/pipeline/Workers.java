// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;

/// Runs jobs on several threads and hands their results back in the order they were given, holding
/// at most so many bytes of input at a time.
final class Workers<R> implements AutoCloseable {
  private static final AtomicInteger NUMBER = new AtomicInteger();

  private record Pending<R>(Future<R> future, long bytes) {}

  private final ExecutorService executor;
  private final long maxBytes;
  private final int maxJobs;
  private final Deque<Pending<R>> pending = new ArrayDeque<>();
  private long pendingBytes;

  Workers(int threads, long maxBytes) {
    this.maxBytes = maxBytes;
    this.maxJobs = 4 * threads + 4;
    this.executor =
        Executors.newFixedThreadPool(
            threads,
            job -> {
              Thread thread = new Thread(job, "tokenize-" + NUMBER.incrementAndGet());
              thread.setDaemon(true);
              return thread;
            });
  }

  /// Whether a result must be taken before more is given.
  boolean isFull() {
    return pending.size() >= maxJobs || !pending.isEmpty() && pendingBytes >= maxBytes;
  }

  boolean isEmpty() {
    return pending.isEmpty();
  }

  void submit(Callable<R> job, long bytes) {
    pending.add(new Pending<>(executor.submit(job), bytes));
    pendingBytes += bytes;
  }

  /// The oldest job's result.
  R take() {
    Pending<R> head = pending.remove();
    pendingBytes -= head.bytes();
    try {
      return head.future().get();
    } catch (ExecutionException e) {
      switch (Objects.requireNonNull(e.getCause())) {
        case RuntimeException unchecked -> throw unchecked;
        case Error error -> throw error;
        default -> throw new IllegalStateException(e.getCause());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while tokenizing", e);
    }
  }

  @Override
  public void close() {
    executor.shutdownNow();
  }
}
