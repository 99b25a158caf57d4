// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.lm.torch.NativePointers;
import dev.longnet.lm.torch.TensorMemory;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.bytedeco.javacpp.Pointer;
import org.junit.jupiter.api.Assumptions;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Gloo between threads of one process: the same connections as between processes.
class GlooCollectivesTest {
  private static final Duration TIMEOUT = Duration.ofSeconds(20);

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void ranksExchangeAndSum(int size) {
    List<Integer> sums =
        AllRanks.call(
            AllRanks.gloo(size, TIMEOUT),
            group -> {
              try (group) {
                return new CollectivesScript(group, 11).run();
              }
            });
    List<Integer> expected =
        AllRanks.call(ThreadCollectives.of(size), group -> new CollectivesScript(group, 11).run());
    assertThat(sums).isEqualTo(expected);
  }

  @Test
  void hostedRanksHaveTheSameBits() {
    List<Collectives> ranks = new ArrayList<>();
    for (Collectives process : AllRanks.gloo(2, TIMEOUT)) {
      ranks.addAll(HostedCollectives.of(process, 4));
    }
    List<Integer> sums =
        AllRanks.call(
            ranks,
            group -> {
              try (group) {
                return new CollectivesScript(group, 3).run();
              }
            });
    List<Integer> expected =
        AllRanks.call(ThreadCollectives.of(4), group -> new CollectivesScript(group, 3).run());
    assertThat(sums).isEqualTo(expected);
  }

  @Test
  void aSumOfSeveralChunksIsThatOfOne() {
    int elements = 9_000_001;
    List<Float> last =
        AllRanks.call(
            AllRanks.gloo(2, TIMEOUT),
            group -> {
              try (group) {
                MemorySegment floats = Arena.ofAuto().allocate(4L * elements, 64);
                for (long i = 0; i < elements; i++) {
                  floats.setAtIndex(ValueLayout.JAVA_FLOAT, i, i + 0.5f * group.rank());
                }
                long[] bounds = {0, 10, elements};
                group.reduceScatter(floats, bounds);
                group.allGather(floats, 4, bounds);
                for (long i = 0; i < elements; i++) {
                  float sum = floats.getAtIndex(ValueLayout.JAVA_FLOAT, i);
                  if (sum != (float) i + (i + 0.5f)) {
                    throw new AssertionError("element " + i + ": " + sum);
                  }
                }
                return floats.getAtIndex(ValueLayout.JAVA_FLOAT, 0);
              }
            });
    assertThat(last).containsExactly(0.5f, 0.5f);
  }

  @Test
  void exchangesLeaveNothingBehind() {
    List<long[]> counts =
        AllRanks.call(
            AllRanks.gloo(2, TIMEOUT),
            group -> {
              try (group) {
                exchange(group, 100);
                group.barrier();
                long before = settled();
                group.barrier();
                exchange(group, 1_000);
                group.barrier();
                long after = settled();
                group.barrier();
                return new long[] {before, after};
              }
            });
    for (long[] count : counts) {
      assertThat(count[1] - count[0]).as("native pointers").isLessThan(50);
    }
    assertThat(Pointer.totalCount()).isPositive();
  }

  private static void exchange(Collectives group, int times) {
    MemorySegment send = Arena.ofAuto().allocate(2_000);
    MemorySegment receive = Arena.ofAuto().allocate(2_000);
    long[] bytes = {1_000, 1_000};
    for (int i = 0; i < times; i++) {
      group.start(send, bytes, receive, bytes).await();
    }
  }

  private static long settled() {
    try {
      return NativePointers.settled();
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }

  @Test
  void ranksThatGaveUpEndTheOthers() {
    List<Throwable> failures =
        AllRanks.failures(
            AllRanks.gloo(2, TIMEOUT),
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
                .hasMessageMatching("rank 1 on .* \\(process \\d+\\) gave up: out of memory"));
  }

  @Test
  void whatARankGaveUpForNamesFieldsElsewhereToo() {
    List<Throwable> failures =
        AllRanks.failures(
            AllRanks.gloo(2, TIMEOUT),
            group -> {
              if (group.rank() == 1) {
                group.abort(
                    FieldMessage.of(
                        new FieldException(
                            "room is needed, then %s", Field.of("resume", "runs/a"))));
              }
              return group.sum(1);
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(((PeerLostException) e).message(field -> "<" + field + ">"))
                .endsWith("gave up: room is needed, then <resume=runs/a>"));
  }

  /// The loss is known, and what to do about it is about to be done.
  @Test
  void aLossIsNotToldToWhoNeedsNobodyAnyMore() throws Exception {
    Collectives[] both = AllRanks.gloo(2, TIMEOUT).toArray(Collectives[]::new);
    List<String> told = Collections.synchronizedList(new ArrayList<>());
    both[0].whenLost(line -> told.add("before: " + line));
    both[1].abort(FieldMessage.of("out of memory"));
    assertThatThrownBy(() -> both[0].sum(1)).isInstanceOf(PeerLostException.class);
    both[0].whenLost(line -> told.add("after"));
    long end = System.nanoTime() + Duration.ofSeconds(30).toNanos();
    while (told.isEmpty() && System.nanoTime() < end) {
      Thread.sleep(50);
    }
    assertThat(told).containsExactly("after");
  }

  @Test
  void waitsBeyondTheTimeoutFitIntoFiveSeconds() {
    Duration noticed = Watch.TICK.multipliedBy(2).plus(Watch.LINGER).plus(Watch.NOTICE);
    assertThat(List.of(noticed, Watch.SETTLE, GlooCollectives.LATE, GlooCollectives.CONNECTED))
        .allMatch(wait -> wait.compareTo(Duration.ofSeconds(5)) < 0);
  }

  @Test
  void differentSizesEndBothRanks() {
    List<Throwable> failures =
        AllRanks.failures(
            AllRanks.gloo(2, TIMEOUT),
            group -> {
              MemorySegment send = Arena.ofAuto().allocate(2_000);
              MemorySegment receive = Arena.ofAuto().allocate(2_000);
              // Rank 1 sends 101 bytes to rank 0, which expects 100.
              long[] sends = {group.rank() == 0 ? 7 : 101, 7};
              long[] receives = group.rank() == 0 ? new long[] {7, 100} : new long[] {7, 7};
              group.start(send, sends, receive, receives).await();
              return "";
            });
    assertThat(failures)
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageMatching(
                    "ranks disagree in exchange 0: rank 1 on .* sends 101 bytes to rank 0 on .*, which expects 100"));
  }

  @Test
  void differentOperationsEndBothRanks() {
    List<Throwable> failures =
        AllRanks.failures(
            AllRanks.gloo(2, TIMEOUT),
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
  void twoProcessesWithOneNumberAreRefused() {
    int port = AllRanks.freePort();
    List<Rendezvous> all = new ArrayList<>();
    for (int rank : new int[] {0, 1, 1}) {
      all.add(Rendezvous.of(rank, 3, "127.0.0.1", port).withTimeout(TIMEOUT));
    }
    assertThat(AllRanks.failures(all, GlooCollectives::join))
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("two processes are rank 1"));
  }

  @Test
  void differentNumbersOfRanksAreRefused() {
    int port = AllRanks.freePort();
    List<Rendezvous> all =
        List.of(
            Rendezvous.of(0, 2, "127.0.0.1", port).withTimeout(TIMEOUT),
            Rendezvous.of(1, 3, "127.0.0.1", port).withTimeout(TIMEOUT));
    assertThat(AllRanks.failures(all, GlooCollectives::join))
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("told of the same number of ranks"));
  }

  @Test
  void aRankThatNeverJoinsIsNamed() {
    Rendezvous alone =
        Rendezvous.of(0, 3, "127.0.0.1", AllRanks.freePort()).withTimeout(Duration.ofSeconds(1));
    assertThatThrownBy(() -> GlooCollectives.join(alone))
        .isInstanceOf(PeerLostException.class)
        .hasMessageContaining("of 3 ranks, rank 1, rank 2 did not join");
  }

  @Test
  void aPortThatIsTakenIsNamed() throws IOException {
    try (ServerSocket taken = new ServerSocket(0)) {
      Rendezvous first =
          Rendezvous.of(0, 2, "127.0.0.1", taken.getLocalPort()).withTimeout(Duration.ofSeconds(1));
      assertThatThrownBy(() -> GlooCollectives.join(first))
          .isInstanceOf(EnvironmentException.class)
          .hasMessageContaining("rank 0 cannot keep the store on 127.0.0.1:" + first.port());
    }
  }

  @Test
  void aStoreThatNobodyKeepsIsNamed() {
    Rendezvous second =
        Rendezvous.of(1, 2, "127.0.0.1", AllRanks.freePort()).withTimeout(Duration.ofSeconds(1));
    assertThatThrownBy(() -> GlooCollectives.join(second))
        .isInstanceOf(EnvironmentException.class)
        .hasMessageContaining("rank 1 does not reach the store on 127.0.0.1:" + second.port());
  }

  @Test
  void groupsEndAndBeginAgain() {
    for (int i = 0; i < 5; i++) {
      List<Double> sums =
          AllRanks.call(
              AllRanks.gloo(2, TIMEOUT),
              group -> {
                try (group) {
                  return group.sum(group.rank() + 1);
                }
              });
      assertThat(sums).containsExactly(3.0, 3.0);
    }
  }

  @Test
  @Tag("slow")
  void longMessagesTravelInPieces() {
    long bytes = (1L << 30) + 12_345;
    Assumptions.assumeTrue(ProcessMemory.available() > 6 * bytes, "memory");
    AllRanks.call(
        AllRanks.gloo(2, TIMEOUT.multipliedBy(6)),
        group -> {
          try (group) {
            MemorySegment send = TensorMemory.allocate(bytes);
            MemorySegment receive = TensorMemory.allocate(bytes);
            send.fill((byte) 7);
            send.set(ValueLayout.JAVA_BYTE, 0, (byte) 1);
            send.set(ValueLayout.JAVA_BYTE, 1L << 30, (byte) 2);
            send.set(ValueLayout.JAVA_BYTE, bytes - 1, (byte) 3);
            long[] counts = group.rank() == 0 ? new long[] {0, bytes} : new long[] {bytes, 0};
            group.start(send, counts, receive, counts).await();
            assertThat(receive.mismatch(send)).isEqualTo(-1);
            return "";
          }
        });
  }

  @Test
  void impossibleRendezvousAreRefused() {
    assertThatThrownBy(() -> Rendezvous.of(2, 2, "localhost", 29_500))
        .isInstanceOf(FieldException.class)
        .hasMessage("rank must be from 0 to 1: rank=2");
    assertThatThrownBy(() -> Rendezvous.of(0, 2, "localhost", 0))
        .isInstanceOf(FieldException.class)
        .hasMessage("port must be from 1 to 65535: port=0");
  }
}
