package dev.longnet.cli;

import dev.longnet.lm.train.ProgressLine;
import dev.longnet.lm.train.TrainingRun;
import java.util.concurrent.CountDownLatch;

/// Ctrl-C (or a polite kill) while training: the run is asked to stop, and the JVM waits until it has saved itself.
final class StopOnInterrupt implements AutoCloseable {
  private final CountDownLatch saved = new CountDownLatch(1);
  private final Thread hook;
  private volatile boolean requested;

  private StopOnInterrupt(TrainingRun run, ProgressLine progress) {
    this.hook =
        new Thread(
            () -> {
              requested = true;
              progress.note("stopping after the pass under way, then saving a checkpoint …");
              run.requestStop();
              try {
                saved.await();
              } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
              }
            },
            "stop-on-interrupt");
  }

  static StopOnInterrupt install(TrainingRun run, ProgressLine progress) {
    StopOnInterrupt interrupt = new StopOnInterrupt(run, progress);
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
