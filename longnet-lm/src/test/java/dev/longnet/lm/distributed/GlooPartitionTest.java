// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Two ranks whose network is cut between them, each in a network namespace of its own. Needs root.
@Tag("slow")
class GlooPartitionTest {
  private static final int TIMEOUT = 10;

  @Test
  void bothSidesEndAndNameEachOther() throws Exception {
    String first = "longnet-a" + ProcessHandle.current().pid();
    String second = "longnet-b" + ProcessHandle.current().pid();
    try {
      Assumptions.assumeTrue(
          succeeds("ip", "netns", "add", first) && succeeds("ip", "netns", "add", second),
          "network namespaces need root");
      connect(first, second);
      cut(first, second);
    } finally {
      succeeds("ip", "netns", "delete", first);
      succeeds("ip", "netns", "delete", second);
    }
  }

  private static void connect(String first, String second) throws Exception {
    assertThat(
            succeeds(
                "ip", "-n", first, "link", "add", "veth0", "type", "veth", "peer", "name", "veth0",
                "netns", second))
        .isTrue();
    int last = 1;
    for (String name : List.of(first, second)) {
      assertThat(
              succeeds(
                  "ip", "-n", name, "addr", "add", "10.77.0." + last++ + "/24", "dev", "veth0"))
          .isTrue();
      assertThat(succeeds("ip", "-n", name, "link", "set", "lo", "up")).isTrue();
      assertThat(succeeds("ip", "-n", name, "link", "set", "veth0", "up")).isTrue();
    }
  }

  private static void cut(String first, String second) throws Exception {
    try (RankProcess a = start(first, 0);
        RankProcess b = start(second, 1)) {
      a.await("first", 120);
      b.await("first", 120);
      long start = System.nanoTime();
      assertThat(succeeds("ip", "-n", second, "link", "set", "veth0", "down")).isTrue();
      for (RankProcess rank : List.of(a, b)) {
        String lost = rank.await("lost", 60);
        double seconds = (System.nanoTime() - start) * 1e-9;
        System.err.printf(java.util.Locale.ROOT, "cut off: after %.1f s: %s%n", seconds, lost);
        assertThat(seconds).isLessThan(TIMEOUT + 5);
        assertThat(lost).contains("rank " + (rank == a ? 1 : 0) + " on ").contains("was lost");
      }
    }
  }

  private static RankProcess start(String namespace, int rank) throws IOException {
    return RankProcess.startWith(
        List.of("ip", "netns", "exec", namespace), "sums", rank, 2, 29_555, TIMEOUT, "10.77.0.1");
  }

  private static boolean succeeds(String... command) throws IOException, InterruptedException {
    Process process =
        new ProcessBuilder(new ArrayList<>(List.of(command))).redirectErrorStream(true).start();
    process.getInputStream().readAllBytes();
    return process.waitFor(10, TimeUnit.SECONDS) && process.exitValue() == 0;
  }
}
