// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;

class ParallelTest {
  @Test
  void aFailingTaskStopsTheOthersAndLeavesNoThread() {
    assertThatThrownBy(() ->
            Parallel.run(
                4,
                1000,
                task -> {
                  if (task == 7) {
                    throw new IllegalStateException("task 7");
                  }
                }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("task 7");
    assertThat(Thread.currentThread().isInterrupted()).isFalse();
    assertNoHelpers();
  }

  @Test
  void aFailureInAHelperReachesTheCaller() {
    Thread caller = Thread.currentThread();
    CountDownLatch failed = new CountDownLatch(1);
    assertThatThrownBy(() ->
            Parallel.run(
                3,
                1000,
                task -> {
                  if (Thread.currentThread() != caller) {
                    failed.countDown();
                    throw new IllegalStateException("in a helper");
                  }
                  await(failed);
                }))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("in a helper");
    assertNoHelpers();
  }

  private static void await(CountDownLatch latch) {
    try {
      latch.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Test
  void everyTaskRunsOnce() {
    for (int threads : new int[] {1, 2, 7}) {
      int[] runs = new int[500];
      Parallel.run(
          threads,
          runs.length,
          task -> {
            synchronized (runs) {
              runs[(int) task]++;
            }
          });
      assertThat(runs).containsOnly(1);
    }
  }

  static void assertNoHelpers() {
    assertThat(Thread.getAllStackTraces().keySet())
        .noneMatch(t -> t.getName().startsWith("longnet-attention"));
  }
}
