// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.util.concurrent.CountDownLatch;

/// Ctrl-C (or a polite kill) while something long runs: it is asked to stop, and the JVM waits
/// until this is closed, which is when it has saved itself and its user knows.
final class StopOnInterrupt implements AutoCloseable {
  /// 128 + SIGINT, as shells have it.
  static final int EXIT_CODE = 130;

  private final CountDownLatch saved = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean requested;

  private StopOnInterrupt(Runnable requestStop) {
    this.hook =
        new Thread(
            () -> {
              requested = true;
              requestStop.run();
              try {
                saved.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "stop-on-interrupt");
  }

  /// @param requestStop called on another thread; returns at once
  static StopOnInterrupt install(Runnable requestStop) {
    StopOnInterrupt interrupt = new StopOnInterrupt(requestStop);
    Runtime.getRuntime().addShutdownHook(interrupt.hook);
    return interrupt;
  }

  boolean requested() {
    return requested;
  }

  @Override
  public void close() {
    saved.countDown();
    if (!requested) {
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException shuttingDown) {
        // Ctrl-C came just now: everything is saved already.
      }
    }
  }
}
