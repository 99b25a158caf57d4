// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/// How fast this machine's memory can be read: sums over 512 MiB, far more than its caches, shared
/// out among threads. Off heap: the launcher's heap is small. Closing frees it.
final class MemoryRate implements AutoCloseable {
  private static final long BYTES = 512L << 20;
  private static final int PASSES = 4;

  private final Arena arena = Arena.ofShared();
  private final List<MemorySegment> parts = new ArrayList<>();

  /// Keeps the sums alive.
  private volatile int sink;

  MemoryRate(int threads) {
    long each = BYTES / threads / 64 * 64;
    for (int i = 0; i < threads; i++) {
      // Written once: pages that nothing was written to may all be one page of zeros.
      parts.add(arena.allocate(each, 64).fill((byte) 3));
    }
    measure();
  }

  /// @return bytes a second, the best of four passes
  double measure() {
    double best = 0;
    for (int pass = 0; pass < PASSES; pass++) {
      long start = System.nanoTime();
      List<Thread> helpers = new ArrayList<>();
      for (MemorySegment part : parts) {
        helpers.add(Thread.ofPlatform().start(() -> sink = sum(part)));
      }
      for (Thread helper : helpers) {
        join(helper);
      }
      best =
          Math.max(
              best,
              parts.size() * parts.getFirst().byteSize() / ((System.nanoTime() - start) / 1e9));
    }
    return best;
  }

  private static int sum(MemorySegment values) {
    int sum = 0;
    for (long at = 0; at < values.byteSize(); at += 4) {
      sum += values.get(ValueLayout.JAVA_INT, at);
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

  @Override
  public void close() {
    arena.close();
  }
}
