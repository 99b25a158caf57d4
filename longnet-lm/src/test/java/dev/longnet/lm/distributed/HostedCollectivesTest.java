// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.io.FieldMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CyclicBarrier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HostedCollectivesTest {
  /// All ranks of simulated processes.
  private static List<Collectives> ranks(int ranks, int processes) {
    List<Collectives> all = new ArrayList<>();
    for (Collectives process : ThreadCollectives.of(processes)) {
      all.addAll(HostedCollectives.of(process, ranks));
    }
    return all;
  }

  private static List<Integer> hashes(List<Collectives> ranks) {
    return AllRanks.call(
        ranks,
        group -> {
          try (group) {
            return new CollectivesScript(group, 5).run();
          }
        });
  }

  @ParameterizedTest
  @CsvSource({"8, 1", "8, 2", "8, 4", "8, 8", "6, 3", "12, 3", "4, 2"})
  void ranksOfSeveralProcessesExchangeAndSum(int ranks, int processes) {
    List<Collectives> all = ranks(ranks, processes);
    assertThat(all).extracting(Collectives::rank).isSorted().hasSize(ranks);
    hashes(all);
  }

  @Test
  void sumsHaveTheSameBitsHoweverManyProcessesThereAre() {
    List<Integer> one = hashes(ThreadCollectives.of(8));
    for (int processes : new int[] {1, 2, 4, 8}) {
      assertThat(hashes(ranks(8, processes))).as("%d processes", processes).isEqualTo(one);
    }
  }

  @Test
  void lettersOfDifferentSizeAreNoticedWhereTheirProcessesAgree() {
    List<Throwable> failures =
        AllRanks.failures(
            ranks(4, 2),
            group -> {
              try (Arena arena = Arena.ofShared()) {
                MemorySegment memory = arena.allocate(100);
                // Rank 2 expects 5 and 3 bytes of ranks 0 and 1, which send it 4 each.
                long[] receive =
                    group.rank() == 2 ? new long[] {5, 3, 4, 4} : new long[] {4, 4, 4, 4};
                group.start(memory, new long[] {4, 4, 4, 4}, memory, receive).await();
                return group.sum(1);
              }
            });
    assertThat(failures.get(2))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("rank 0 sends 4 bytes to rank 2, which expects 5");
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e).isInstanceOfAny(IllegalStateException.class, PeerLostException.class));
  }

  @Test
  void aRankThatGivesUpEndsAllOthersWaits() {
    List<Throwable> failures =
        AllRanks.failures(
            ranks(4, 2),
            group -> {
              if (group.rank() == 3) {
                group.abort(FieldMessage.of("out of memory"));
              }
              return group.sum(1);
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(PeerLostException.class)
                .hasMessageContaining("rank 3")
                .hasMessageContaining("out of memory"));
  }

  @Test
  void exactlyOneRankIsTheLastToClose() {
    for (int i = 0; i < 200; i++) {
      ThreadHub hub = new ThreadHub(new ThreadHub.Fate(_ -> {}), 4, 0, ThreadHub.TIMEOUT);
      CyclicBarrier together = new CyclicBarrier(4);
      List<Boolean> last =
          AllRanks.call(
              List.of(0, 1, 2, 3),
              rank -> {
                try {
                  together.await();
                } catch (InterruptedException | BrokenBarrierException e) {
                  throw new AssertionError(e);
                }
                return hub.close(rank);
              });
      assertThat(last).containsOnlyOnce(true);
      assertThat(hub.close(0)).isFalse();
    }
  }

  @Test
  void processesShareRanksEqually() {
    Collectives process = ThreadCollectives.of(2).getFirst();
    assertThatThrownBy(() -> HostedCollectives.of(process, 3))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ranks must be a multiple of the processes, 2: ranks=3");
  }
}
