// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.LongConsumer;

/// Runs numbered tasks on the caller's thread and a few helpers that live no longer than the call.
final class Parallel {
  private Parallel() {}

  /// Runs `task` for 0 … tasks - 1, each exactly once, and hands them out in that order. Returns
  /// when all are done and all helpers have ended.
  ///
  /// When a task throws, no further task starts, and the other threads are interrupted. The first
  /// exception is then thrown here and carries the others as suppressed ones. When the caller is
  /// interrupted, the same happens with a [CancellationException]; the interrupt status stays set.
  ///
  /// @param threads how many threads to use at most, the caller's included
  static void run(int threads, long tasks, LongConsumer task) {
    if (threads <= 1 || tasks <= 1) {
      for (long i = 0; i < tasks; i++) {
        if (Thread.currentThread().isInterrupted()) {
          throw new CancellationException("interrupted");
        }
        task.accept(i);
      }
      return;
    }
    new Run(tasks, task).run((int) Math.min(threads, tasks));
  }

  /// The state of one call.
  private static final class Run {
    private final long tasks;
    private final LongConsumer task;
    private final AtomicLong next = new AtomicLong();
    private final AtomicBoolean stopped = new AtomicBoolean();
    private final AtomicReference<Throwable> failure = new AtomicReference<>();
    private final List<Thread> helpers = new ArrayList<>();

    Run(long tasks, LongConsumer task) {
      this.tasks = tasks;
      this.task = task;
    }

    void run(int threads) {
      boolean interrupted = false;
      try {
        // All are listed before any runs: a helper that fails reads the list.
        for (int i = 1; i < threads; i++) {
          helpers.add(
              Thread.ofPlatform().daemon().name("longnet-attention-" + i).unstarted(this::work));
        }
        helpers.forEach(Thread::start);
        work();
      } catch (Throwable e) {
        // Only starting a helper can throw here, for want of memory or threads.
        fail(e);
      } finally {
        for (Thread helper : helpers) {
          interrupted |= join(helper);
        }
      }
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
      Throwable thrown = failure.get();
      switch (thrown) {
        case null -> {}
        case RuntimeException e -> throw e;
        case Error e -> throw e;
        default -> throw new IllegalStateException(thrown);
      }
    }

    private void work() {
      try {
        while (!stopped.get()) {
          if (Thread.currentThread().isInterrupted()) {
            throw new CancellationException("interrupted");
          }
          long i = next.getAndIncrement();
          if (i >= tasks) {
            return;
          }
          task.accept(i);
        }
      } catch (Throwable e) {
        fail(e);
      }
    }

    private void fail(Throwable e) {
      if (!failure.compareAndSet(null, e)) {
        // Helpers that stop because they were told to have nothing to add.
        Throwable first = Objects.requireNonNull(failure.get());
        if (!(e instanceof CancellationException) && first != e) {
          first.addSuppressed(e);
        }
        return;
      }
      stopped.set(true);
      helpers.stream()
          .filter(helper -> helper != Thread.currentThread())
          .forEach(Thread::interrupt);
    }

    /// Waits for a helper whatever happens.
    ///
    /// @return whether the caller was interrupted meanwhile
    private boolean join(Thread helper) {
      boolean interrupted = false;
      while (true) {
        try {
          helper.join();
          return interrupted;
        } catch (InterruptedException e) {
          interrupted = true;
          fail(new CancellationException("interrupted"));
        }
      }
    }
  }
}
