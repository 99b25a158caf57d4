// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Ranks as real processes that train nothing: how they are started, watched and ended. No test
/// leaves one behind.
@EnabledOnOs({OS.LINUX, OS.MAC})
@Timeout(60)
class LocalRanksTest {
  @TempDir Path directory;
  private Path notes;
  private Path run;

  @BeforeEach
  void folders() throws IOException {
    notes = Files.createDirectory(directory.resolve("notes"));
    run = directory.resolve("run");
  }

  @AfterEach
  void nobodyIsLeft() throws Exception {
    for (long pid : pids()) {
      assertThat(gone(pid, Duration.ofSeconds(5))).as("process " + pid).isTrue();
    }
  }

  @Test
  void everyRankLearnsItsPlace() throws Exception {
    RanksEnd end =
        ranks(Duration.ofSeconds(5), "exit=0", "exit=0", "exit=0")
            .run(3, new Handover(run, true, true));
    assertThat(end.exitCode()).isZero();
    String port = "";
    for (int rank = 0; rank < 3; rank++) {
      String said = Files.readString(notes.resolve("start-" + rank + "-0"));
      assertThat(said)
          .contains(
              "LOCAL_RANK=" + rank + ",",
              "LOCAL_WORLD_SIZE=3,",
              "LONGNET_RESUME=true,",
              "LONGNET_RUN=" + run + ",",
              "LONGNET_STARTED_BY=" + ProcessHandle.current().pid() + ",",
              "LONGNET_TERMINAL=true,",
              "MASTER_ADDR=127.0.0.1,",
              " RANK=" + rank + ",",
              "WORLD_SIZE=3}");
      String own = said.replaceAll("(?s).*MASTER_PORT=([0-9]+),.*", "$1");
      assertThat(own).isEqualTo(rank == 0 ? own : port);
      port = own;
    }
    assertThat(Integer.parseInt(port)).isBetween(20_000, 31_999);
    assertThat(Files.readString(run.resolve("ranks/rank-2.log")))
        .startsWith("--- rank 2 of 3, ")
        .contains("rank 2 prints\n", "rank 2 complains\n");
    assertThat(TinyRecipe.names(run.resolve("ranks")))
        .containsExactlyInAnyOrder("rank-1.log", "rank-2.log");
  }

  @Test
  void whoDoesNotLeaveAfterAnotherWasKilledIsKilledToo() throws Exception {
    long start = System.nanoTime();
    RanksEnd end =
        ranks(Duration.ofSeconds(1), "exit=75", "exit=137", "hang")
            .run(3, new Handover(run, false, false));
    assertThat(Duration.ofNanos(System.nanoTime() - start))
        .isBetween(Duration.ofSeconds(1), Duration.ofSeconds(20));
    assertThat(end.exitCode()).isEqualTo(75);
    assertThat(end.line())
        .hasValue(
            "rank 1 of 3 was killed by signal 9; its log: " + run.resolve("ranks/rank-1.log"));
    assertThat(end.ends()).contains(new RanksEnd.One(2, 137, true));
  }

  @Test
  void anotherPortIsTriedWhereTheFirstWasTakenMeanwhile() throws Exception {
    RanksEnd end =
        ranks(Duration.ofSeconds(5), "once=" + LocalRanks.PORT_TAKEN, "once=75")
            .run(2, new Handover(run, false, false));
    assertThat(end.exitCode()).isZero();
    assertThat(TinyRecipe.names(notes))
        .contains("start-0-0", "start-0-1")
        .doesNotContain("start-0-2");
  }

  /// The run's files decide how it goes on: none, a recipe, a checkpoint.
  @Test
  void lostRanksAreStartedAgainAsOftenAsTheUserSaid() throws Exception {
    RankOptions options = new RankOptions();
    options.restarts = 1;
    options.restartRanks = 2;
    StringWriter said = new StringWriter();
    LocalTraining training = training(options, said, false, "once=75", "once=137", "once=75");
    Files.createDirectories(run.resolve("checkpoints/step-00000040"));
    Files.writeString(run.resolve("recipe.yaml"), "");
    assertThat(training.run(3, new Handover(run, false, false))).isZero();
    assertThat(Files.readString(notes.resolve("start-1-0"))).contains("LONGNET_RESUME=false");
    assertThat(Files.readString(notes.resolve("start-1-1")))
        .contains("LONGNET_RESUME=true", "WORLD_SIZE=2");
    assertThat(notes.resolve("start-2-1")).doesNotExist();
    assertThat(said.toString())
        .contains(
            "longnet: 3 ranks of 7 threads each; what others than rank 0 print: "
                + run.resolve("ranks")
                + "\n",
            "longnet: rank 1 of 3 was killed by signal 9; its log: "
                + run.resolve("ranks/rank-1.log")
                + "; restart 1 of 1, from "
                + run.resolve("checkpoints/step-00000040")
                + ", with 2 ranks\n",
            "longnet: 2 ranks of 7 threads each");
  }

  @Test
  void virtualShardsAreSeveralRanksAProcess() throws Exception {
    StringWriter said = new StringWriter();
    PrintWriter err = new PrintWriter(said, true);
    LocalRanks ranks = ranks(Duration.ofSeconds(5), "exit=0", "exit=0");
    new LocalTraining(ranks, new RankOptions(), 8, 0, false, err)
        .run(2, new Handover(run, false, false));
    assertThat(said.toString()).startsWith("longnet: 2 processes of 4 ranks, 1 thread a rank; ");
  }

  @Test
  void afterTheLastRestartALossIsTheEnd() throws Exception {
    RankOptions options = new RankOptions();
    options.restarts = 1;
    StringWriter said = new StringWriter();
    LocalTraining training = training(options, said, false, "exit=75", "exit=137");
    assertThat(training.run(2, new Handover(run, false, false))).isEqualTo(75);
    assertThat(said.toString()).contains("restart 1 of 1, from the beginning, with 2 ranks\n");
    assertThat(said.toString().strip().lines().toList().getLast())
        .isEqualTo(
            "longnet: rank 1 of 2 was killed by signal 9; its log: "
                + run.resolve("ranks/rank-1.log"));
    assertThat(notes.resolve("start-1-1")).exists();
    assertThat(notes.resolve("start-1-2")).doesNotExist();
  }

  /// Random weights would take the place of those the run began with.
  @Test
  void aRunThatBeganWithOthersWeightsIsNotStartedAgainBeforeItsFirstCheckpoint() throws Exception {
    RankOptions options = new RankOptions();
    options.restarts = 3;
    StringWriter said = new StringWriter();
    LocalTraining training = training(options, said, true, "exit=75", "exit=137");
    Files.createDirectories(run);
    Files.writeString(run.resolve("recipe.yaml"), "");
    assertThat(training.run(2, new Handover(run, false, false))).isEqualTo(75);
    assertThat(said.toString()).contains("not started again");
    assertThat(notes.resolve("start-1-1")).doesNotExist();
  }

  @Test
  void aMistakeThatTheFirstRankSaidLeavesNothing() throws Exception {
    StringWriter said = new StringWriter();
    LocalTraining training = training(new RankOptions(), said, false, "exit=2", "exit=2");
    assertThat(training.run(2, new Handover(run, false, false))).isEqualTo(2);
    assertThat(said.toString().lines()).hasSize(1);
    assertThat(run).doesNotExist();
  }

  @Test
  void aStopReachesAllRanksWhichSaveThemselves() throws Exception {
    Process parent = parent("stop", "stop", "stop");
    try {
      await(3);
      assertThat(new ProcessBuilder("kill", "-TERM", Long.toString(parent.pid())).start().waitFor())
          .isZero();
      assertThat(parent.waitFor(20, TimeUnit.SECONDS)).isTrue();
    } finally {
      parent.destroyForcibly();
    }
    assertThat(parent.exitValue()).isEqualTo(143);
    assertThat(TinyRecipe.names(notes)).contains("saved-0", "saved-1", "saved-2");
    assertThat(directory.resolve("out")).content().contains("rank 0 prints\n");
    assertThat(directory.resolve("out")).content().doesNotContain("rank 1 prints");
  }

  /// [#nobodyIsLeft] sees that.
  @Test
  void ranksEndWithAParentThatIsKilled() throws Exception {
    Process parent = parent("hang", "hang", "hang");
    try {
      await(3);
    } finally {
      parent.destroyForcibly();
    }
    assertThat(parent.waitFor(20, TimeUnit.SECONDS)).isTrue();
    assertThat(pids()).hasSize(3);
    for (long pid : pids()) {
      assertThat(gone(pid, Duration.ofSeconds(5))).isTrue();
    }
    assertThat(Files.readString(run.resolve("ranks/rank-1.log")))
        .contains("longnet: the process that started this rank is gone, the rank ends");
  }

  private LocalRanks ranks(Duration leave, String... does) {
    return new LocalRanks(TestParent.command(notes, List.of(does)), leave);
  }

  private LocalTraining training(
      RankOptions options, StringWriter said, boolean initial, String... does) {
    return new LocalTraining(
        ranks(Duration.ofSeconds(5), does), options, 0, 7, initial, new PrintWriter(said, true));
  }

  private Process parent(String... does) throws IOException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-cp",
                System.getProperty("java.class.path"),
                TestParent.class.getName(),
                run.toString(),
                notes.toString()));
    command.addAll(Arrays.asList(does));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("out").toFile())
        .start();
  }

  /// Until so many ranks have begun.
  private void await(int size) throws Exception {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (pids().size() < size && System.nanoTime() < end) {
      Thread.sleep(10);
    }
    assertThat(pids()).hasSize(size);
  }

  private List<Long> pids() throws IOException {
    List<Long> pids = new ArrayList<>();
    for (String name : TinyRecipe.names(notes)) {
      if (name.startsWith("start-")) {
        String said = Files.readString(notes.resolve(name));
        pids.add(Long.parseLong(said.substring(said.indexOf("pid=") + 4).strip()));
      }
    }
    return pids;
  }

  private static boolean gone(long pid, Duration within) throws InterruptedException {
    long end = System.nanoTime() + within.toNanos();
    while (ProcessHandle.of(pid).map(ProcessHandle::isAlive).orElse(false)) {
      if (System.nanoTime() > end) {
        return false;
      }
      Thread.sleep(10);
    }
    return true;
  }
}
