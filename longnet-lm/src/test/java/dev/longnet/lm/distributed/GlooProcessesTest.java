// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Ranks that are processes of this machine.
class GlooProcessesTest {
  @Test
  void ranksExchangeSumAndEnd() throws Exception {
    try (RankProcesses ranks = RankProcesses.start(60, "script", "script")) {
      List<Integer> expected =
          AllRanks.call(ThreadCollectives.of(2), group -> new CollectivesScript(group, 7).run());
      for (int i = 0; i < 2; i++) {
        assertThat(ranks.rank(i).await("hash", 90)).isEqualTo("" + expected.get(i));
      }
      for (RankProcess rank : ranks.all()) {
        rank.await("done", 30);
        assertThat(rank.exitCode(10)).as(rank.said()).isZero();
      }
    }
  }

  @Test
  void aKilledRankIsNamed() throws Exception {
    try (RankProcesses ranks = RankProcesses.start(60, "sums", "sums")) {
      ranks.rank(0).await("first", 90);
      ranks.rank(1).await("first", 90);
      long start = System.nanoTime();
      ranks.rank(1).signal("KILL");
      String lost = ranks.rank(0).await("lost", 5);
      assertThat((System.nanoTime() - start) * 1e-9).as("seconds").isLessThan(5);
      assertThat(lost)
          .contains("rank 1 on ", "(process " + ranks.rank(1).pid() + ") was lost", "sum ")
          .contains("Read the log of rank 1, then resume the run");
      assertThat(ranks.rank(0).exitCode(5)).isEqualTo(PeerLostException.EXIT_CODE);
    }
  }

  @Test
  @Tag("slow")
  void hostedRanksHaveTheSameBitsInOneTwoAndFourProcesses() throws Exception {
    List<Integer> expected =
        AllRanks.call(ThreadCollectives.of(8), group -> new CollectivesScript(group, 7).run());
    for (int processes : new int[] {2, 4, 8}) {
      String[] scenarios = new String[processes];
      java.util.Arrays.fill(scenarios, "hosted");
      try (RankProcesses ranks = RankProcesses.start(60, scenarios)) {
        int here = 8 / processes;
        for (int i = 0; i < processes; i++) {
          assertThat(ranks.rank(i).await("hash", 90))
              .isEqualTo("" + expected.subList(i * here, (i + 1) * here));
          ranks.rank(i).await("done", 30);
        }
      }
    }
  }
}
