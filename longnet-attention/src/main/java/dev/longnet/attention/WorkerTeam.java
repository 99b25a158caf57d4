// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.jspecify.annotations.Nullable;

/// Threads that live as long as their owner and start a task within a microsecond or so: a
/// generated token, or a layer of a training step, is some hundred short parallel steps. Helpers
/// spin briefly between steps, then sleep. One thread at a time uses a team, and does a share of
/// the work itself.
public final class WorkerTeam implements Workers, AutoCloseable {
  /// One step of the work.
  @FunctionalInterface
  public interface Task {
    /// @param index number of the task
    /// @param worker which of the team runs it, for scratch memory
    void run(int index, int worker);
  }

  private static final int SPINS = 20_000;

  /// Turns that a caller waits for the last helper before it offers its core.
  private static final int PATIENCE = 2_000;

  private static final Task NONE = (_, _) -> {};

  private final Thread[] helpers;
  private final AtomicInteger next = new AtomicInteger();
  private final AtomicInteger busy = new AtomicInteger();

  /// Counted by the caller; a change of `generation` tells the helpers.
  private int steps;

  private volatile int generation;
  private volatile boolean closed;
  private volatile @Nullable Throwable failure;
  private Task task = NONE;
  private int tasks;

  /// @param size threads, the caller's included
  public WorkerTeam(int size) {
    if (size < 1) {
      throw new IllegalArgumentException("threads must be positive: threads=" + size);
    }
    helpers = new Thread[size - 1];
    for (int i = 0; i < helpers.length; i++) {
      int worker = i + 1;
      helpers[i] =
          Thread.ofPlatform()
              .daemon()
              .name("longnet-worker-" + worker)
              .unstarted(() -> loop(worker));
    }
    try {
      for (Thread helper : helpers) {
        helper.start();
      }
    } catch (Error e) {
      // No thread more is to be had: those that started end.
      close();
      throw e;
    }
  }

  @Override
  public int size() {
    return helpers.length + 1;
  }

  @Override
  public void run(long tasks, LongConsumer task) {
    run(Math.toIntExact(tasks), (index, _) -> task.accept(index));
  }

  /// Runs tasks 0 … tasks - 1, in any order on any thread; returns when all are done. The first
  /// exception is thrown here.
  @SuppressWarnings("ThreadPriorityCheck") // a wait of microseconds
  public void run(int tasks, Task task) {
    if (closed) {
      throw new IllegalStateException("these threads were closed");
    }
    if (tasks <= 1 || helpers.length == 0) {
      for (int i = 0; i < tasks; i++) {
        task.run(i, 0);
      }
      return;
    }
    this.task = task;
    this.tasks = tasks;
    failure = null;
    next.set(0);
    busy.set(helpers.length);
    generation = ++steps;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
    work(0);
    for (int spin = 0; busy.get() > 0; spin++) {
      if (spin < PATIENCE) {
        Thread.onSpinWait();
      } else {
        Thread.yield(); // a helper may wait for this very core
      }
    }
    this.task = NONE;
    switch (failure) {
      case null -> {}
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      case Throwable e -> throw new IllegalStateException(e);
    }
  }

  private void work(int worker) {
    try {
      for (int i = next.getAndIncrement(); i < tasks; i = next.getAndIncrement()) {
        task.run(i, worker);
      }
    } catch (Throwable e) {
      failed(e);
      next.set(tasks);
    }
  }

  /// Keeps the first exception; later ones are suppressed in it.
  private synchronized void failed(Throwable e) {
    Throwable first = failure;
    if (first == null) {
      failure = e;
    } else if (first != e) {
      first.addSuppressed(e);
    }
  }

  private void loop(int worker) {
    int seen = 0;
    while (true) {
      for (int spin = 0; generation == seen && !closed && spin < SPINS; spin++) {
        Thread.onSpinWait();
      }
      while (generation == seen && !closed) {
        LockSupport.park(this);
      }
      if (closed) {
        return;
      }
      seen = generation;
      work(worker);
      busy.decrementAndGet();
    }
  }

  @Override
  public void close() {
    closed = true;
    for (Thread helper : helpers) {
      LockSupport.unpark(helper);
    }
  }
}
