package dev.longnet.experiments.stream;

import java.util.ArrayList;
import java.util.List;

/// How fast this machine's memory can be read: sums over arrays far larger than its caches, one a thread.
final class MemoryRate {
  private static final int INTS = 1 << 25;
  private static final int PASSES = 4;

  private final int[][] data;
  /// Keeps the sums alive.
  private volatile int sink;

  MemoryRate(int threads) {
    data = new int[threads][INTS];
    for (int[] part : data) {
      java.util.Arrays.fill(part, 3);
    }
    measure();
  }

  /// @return bytes a second, the best of four passes
  double measure() {
    double best = 0;
    for (int pass = 0; pass < PASSES; pass++) {
      long start = System.nanoTime();
      List<Thread> helpers = new ArrayList<>();
      for (int[] part : data) {
        helpers.add(Thread.ofPlatform().start(() -> sink = sum(part)));
      }
      for (Thread helper : helpers) {
        join(helper);
      }
      best = Math.max(best, 4.0 * INTS * data.length / ((System.nanoTime() - start) / 1e9));
    }
    return best;
  }

  private static int sum(int[] values) {
    int sum = 0;
    for (int value : values) {
      sum += value;
    }
    return sum;
  }

  private static void join(Thread thread) {
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException(e);
    }
  }
}
