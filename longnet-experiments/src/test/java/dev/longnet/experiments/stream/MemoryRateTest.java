// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class MemoryRateTest {
  /// What 64 threads read does not take 64 times the memory of one.
  @Test
  void manyThreadsShareOneAmountOfMemory() {
    Runtime heap = Runtime.getRuntime();
    System.gc();
    long before = heap.totalMemory() - heap.freeMemory();
    try (MemoryRate rate = new MemoryRate(64)) {
      assertThat(rate.measure()).isPositive();
      System.gc();
      assertThat(heap.totalMemory() - heap.freeMemory() - before).isLessThan(64L << 20);
    }
  }
}
