// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.torch.Torch;
import java.net.InetAddress;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What the others say, and when, if a rank's process is killed, stopped, late or gives up.
@Tag("slow")
class GlooFaultsTest {
  private static final int TIMEOUT = 10;

  /// Starts three ranks, does something to one, and reads what the others say.
  ///
  /// @return by rank; empty for the victim
  private static List<String> survivors(
      String scenario, int victim, String signal, double withinSeconds) throws Exception {
    try (RankProcesses ranks = RankProcesses.start(TIMEOUT, scenario, scenario, scenario)) {
      for (RankProcess rank : ranks.all()) {
        rank.await("first", 120);
      }
      long start = System.nanoTime();
      if (!signal.isEmpty()) {
        ranks.rank(victim).signal(signal);
      }
      List<String> said = new ArrayList<>();
      for (int i = 0; i < 3; i++) {
        if (i == victim && !signal.isEmpty()) {
          said.add("");
          continue;
        }
        RankProcess rank = ranks.rank(i);
        said.add(rank.await("lost", 60));
        double seconds = (System.nanoTime() - start) * 1e-9;
        System.err.printf(
            java.util.Locale.ROOT,
            "%s %s %d: rank %d after %.1f s: %s%n",
            scenario,
            signal,
            victim,
            i,
            seconds,
            said.getLast());
        assertThat(seconds).as("rank %d: %s", i, rank.said()).isLessThan(withinSeconds);
        assertThat(rank.exitCode(5)).as(rank.said()).isEqualTo(PeerLostException.EXIT_CODE);
        // libtorch's own words, with a stack trace.
        assertThat(rank.said()).doesNotContain("[c10d]");
      }
      return said;
    }
  }

  private static void requireNamed(List<String> said, int victim) {
    for (String line : said) {
      if (!line.isEmpty()) {
        assertThat(line)
            .contains("rank " + victim + " on ")
            .contains("was lost")
            .contains("Read the log of rank " + victim);
      }
    }
  }

  /// `works`: none of the others is at an exchange.
  @ParameterizedTest
  @CsvSource({"sums, 0", "sums, 2", "large, 0", "large, 1", "works, 0", "works, 1"})
  void killed(String scenario, int victim) throws Exception {
    requireNamed(survivors(scenario, victim, "KILL", 5), victim);
  }

  /// The store goes with rank 0, while rank 1 waits for a third that never comes.
  @Test
  void rankZeroKilledWhileAllJoin() throws Exception {
    int port = AllRanks.freePort();
    try (RankProcess first = RankProcess.start("sums", 0, 3, port, 120);
        RankProcess second = RankProcess.start("sums", 1, 3, port, 120)) {
      Torch.loadGloo();
      Board board = Board.connect(Rendezvous.of(2, 3, "127.0.0.1", port));
      long deadline = System.nanoTime() + 120_000_000_000L;
      while (!board.has("who/0") || !board.has("who/1")) {
        assertThat(System.nanoTime()).isLessThan(deadline);
        Thread.sleep(5);
      }
      first.signal("KILL");
      assertThat(second.await("lost", 30)).contains("the store on 127.0.0.1:" + port + " was lost");
      assertThat(second.exitCode(5)).isEqualTo(PeerLostException.EXIT_CODE);
    }
  }

  /// Rank 1 joins and never connects. Gloo would wait for it for the timeout, ten minutes.
  @Test
  void aRankThatConnectsHearsThatAnotherGaveUp() throws Exception {
    int port = AllRanks.freePort();
    try (RankProcess first = RankProcess.start("sums", 0, 2, port, 600)) {
      Torch.loadGloo();
      Rendezvous second = Rendezvous.of(1, 2, "127.0.0.1", port);
      Board board = Board.connect(second);
      board.set("who/1", Person.here(second, InetAddress.getLoopbackAddress()).encoded());
      Thread.sleep(3_000); // it connects now
      board.setFirst(Signs.FAILURE, Failure.lost("rank 1 gave up").encoded());
      assertThat(first.await("lost", 30)).contains("rank 1 gave up");
      assertThat(first.exitCode(5)).isEqualTo(PeerLostException.EXIT_CODE);
    }
  }

  @ParameterizedTest
  @CsvSource({"sums, 0", "sums, 2", "large, 0", "large, 1", "works, 0", "works, 1"})
  void stopped(String scenario, int victim) throws Exception {
    requireNamed(survivors(scenario, victim, "STOP", TIMEOUT + 5), victim);
  }

  @Test
  void aRankThatWorksForTwiceTheTimeoutIsWaitedFor() throws Exception {
    try (RankProcesses ranks = RankProcesses.start(TIMEOUT, "late", "late", "late")) {
      for (RankProcess rank : ranks.all()) {
        rank.await("done", 120);
        assertThat(rank.exitCode(10)).as(rank.said()).isZero();
      }
      for (int i : new int[] {0, 2}) {
        assertThat(ranks.rank(i).said())
            .containsOnlyOnce("rank " + i + " has been waiting for rank 1 on ")
            .contains("in barrier 1 for 10 s. All ranks show signs of life");
      }
      assertThat(ranks.rank(1).said()).doesNotContain("has been waiting");
    }
  }

  @Test
  void aRankThatComesToSomethingElseAfterTheTimeoutEndsAll() throws Exception {
    try (RankProcesses ranks = RankProcesses.start(TIMEOUT, "differs", "differs", "differs")) {
      ranks.rank(1).await("comes", 120);
      long start = System.nanoTime();
      for (RankProcess rank : ranks.all()) {
        assertThat(rank.await("failed", 10))
            .contains("ranks do different things", "barrier 1", "sum 1");
        assertThat(rank.exitCode(5)).as(rank.said()).isEqualTo(1);
      }
      assertThat((System.nanoTime() - start) * 1e-9).as("seconds").isLessThan(6);
    }
  }

  @Test
  void ranksThatWaitInDifferentGroupsEndWithTheTimeout() throws Exception {
    for (String line : survivors("crossed", 1, "", TIMEOUT + 6)) {
      assertThat(line).contains("all ranks wait for one another", "barrier");
    }
  }

  @Test
  void gaveUp() throws Exception {
    for (String line : survivors("abort", 1, "", 6)) {
      assertThat(line).contains("rank 1 on ", "gave up: no space left on disk");
    }
  }
}
