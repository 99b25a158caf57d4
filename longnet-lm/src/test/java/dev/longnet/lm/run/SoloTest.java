// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.ThreadCollectives;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class SoloTest {
  /// Longer than the ranks' patience.
  @Test
  void theOthersWaitHoweverLongItTakes() throws Exception {
    List<Collectives> ranks = ThreadCollectives.of(2, Duration.ofMillis(500));
    try (ExecutorService threads = Executors.newFixedThreadPool(2)) {
      List<Future<Long>> all =
          ranks.stream()
              .map(rank ->
                  threads.submit(() -> {
                    String said =
                        Solo.run(
                            rank,
                            Duration.ofMillis(50),
                            () -> {
                              sleep(1500);
                              return "done";
                            });
                    assertThat(said).isEqualTo(rank.rank() == 0 ? "done" : null);
                    rank.barrier();
                    return System.nanoTime();
                  }))
              .toList();
      long first = all.get(0).get(20, TimeUnit.SECONDS);
      long second = all.get(1).get(20, TimeUnit.SECONDS);
      assertThat(Math.abs(first - second)).isLessThan(500_000_000);
    }
  }

  private static void sleep(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      throw new IllegalStateException(e);
    }
  }
}
