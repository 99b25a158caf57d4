// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.io.FieldMessage;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ThreadCollectivesTest {
  private static final Duration SHORT = Duration.ofMillis(300);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 5, 8})
  void ranksExchangeAndSum(int size) {
    AllRanks.call(
        ThreadCollectives.of(size),
        group -> {
          try (group) {
            return new CollectivesScript(group, 11).run();
          }
        });
  }

  @Test
  void aRankThatGivesUpEndsTheOthersWaits() {
    List<Throwable> failures =
        AllRanks.failures(
            ThreadCollectives.of(3),
            group -> {
              if (group.rank() == 1) {
                group.abort(FieldMessage.of("out of memory"));
              }
              return group.sum(1);
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(PeerLostException.class)
                .hasMessage("rank 1 gave up: out of memory"));
  }

  @Test
  void aRankThatEndedEndsTheOthersWaits() {
    List<Throwable> failures =
        AllRanks.failures(
            ThreadCollectives.of(3),
            group -> {
              if (group.rank() == 2) {
                group.close();
                throw new IllegalArgumentException("my own");
              }
              return group.sum(1);
            });
    assertThat(failures.subList(0, 2))
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(PeerLostException.class)
                .hasMessage("rank 2 ended before sum 0"));
  }

  @Test
  void aRankThatDoesNotComeEndsTheOthersWaits() {
    List<Throwable> failures =
        AllRanks.failures(
            ThreadCollectives.of(2, SHORT),
            group -> {
              if (group.rank() == 0) {
                throw new IllegalArgumentException("my own");
              }
              return group.sum(1);
            });
    assertThat(failures.get(1))
        .isInstanceOf(PeerLostException.class)
        .hasMessage("rank 0 did not come within PT0.3S to sum 0");
  }

  @Test
  void differentSizesAreNoticedOnAllRanks() {
    List<Throwable> failures =
        AllRanks.failures(
            ThreadCollectives.of(2),
            group -> {
              try (Arena arena = Arena.ofShared()) {
                MemorySegment memory = arena.allocate(100);
                // Rank 1 expects 9 bytes of rank 0, which sends 8.
                long[] receive = group.rank() == 0 ? new long[] {8, 8} : new long[] {9, 8};
                group.start(memory, new long[] {8, 8}, memory, receive).await();
                return "";
              }
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("rank 0 sends 8 bytes to rank 1, which expects 9"));
  }

  @Test
  void differentOperationsAreNoticedOnAllRanks() {
    List<Throwable> failures =
        AllRanks.failures(
            ThreadCollectives.of(2),
            group -> {
              if (group.rank() == 0) {
                return group.sum(1);
              }
              group.barrier();
              return "";
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("sum 0")
                .hasMessageContaining("barrier 0"));
  }

  @Test
  void aBufferTooSmallIsTheCallersMistake() {
    Collectives one = ThreadCollectives.of(1).getFirst();
    MemorySegment memory = Arena.ofAuto().allocate(10);
    assertThatThrownBy(() -> one.start(memory, new long[] {11}, memory, new long[] {10}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("send of 10 bytes");
    assertThatThrownBy(() -> one.reduceScatter(memory, new long[] {0, 3}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("bounds");
  }

  @Test
  void trafficCountsBytesToOthers() {
    List<Collectives.Traffic> traffic =
        AllRanks.call(
            ThreadCollectives.of(2),
            group -> {
              MemorySegment memory = Arena.ofAuto().allocate(100);
              group
                  .start(
                      memory,
                      new long[] {3, 7},
                      memory,
                      group.rank() == 0 ? new long[] {3, 3} : new long[] {7, 7})
                  .await();
              return group.takeTraffic();
            });
    assertThat(traffic.get(0).bytes()).isEqualTo(7);
    assertThat(traffic.get(1).bytes()).isEqualTo(3);
  }
}
