// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/// One of three ranks is killed, stopped or cut off, in each part of a run: the others leave in
/// time, say who was lost in one line, and leave nothing half-written behind. Then one process goes
/// on with the run.
///
/// All ranks are stopped to see that the moment is there, then the fault happens, then the others
/// run again. `-Dlongnet.faults=CUT.*` picks cases by fault, moment and rank (`CUT STEP 1`),
/// `-Dlongnet.faults.times=10` repeats each, `-Dlongnet.faults.slack=5` is how late they may be.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class RankFaultsTest {
  private static final int SIZE = 3;

  /// Of stopped and cut off ranks. Shorter ones count as five seconds.
  private static final int TIMEOUT = 20;

  /// How much longer than that, or than nothing for killed ranks, others may take: five seconds on
  /// a machine that is not busy with other things. What they took is printed.
  private static final double SLACK = Integer.getInteger("longnet.faults.slack", 15);

  /// To start a rank that was missing.
  private static final double START = 20;

  private static final String RECIPE =
      """
      name: faults
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 2
        hidden: %d
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 2, batch_tokens: 128, steps: %d}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      checkpoint: {every_steps: 2}
      evaluation: {every_steps: 2, every_tokens: %d, lengths: [16, 64], tokens: 256, copy_probe: 0}
      sample: {tokens: %d}
      runtime: {threads: 1}
      """;

  enum Fault {
    KILLED,
    STOPPED,
    CUT
  }

  @TempDir static Path folder;
  private static Path corpus;

  @BeforeAll
  static void corpus() throws IOException {
    corpus = Files.createDirectory(folder.resolve("corpus"));
    for (int i = 0; i < 400; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    // For the moment in which it is read.
    Path large = Files.createDirectory(folder.resolve("large"));
    String text = "the quick brown fox jumps over the lazy dog, 0123456789 times a day.\n";
    for (int i = 0; i < 8; i++) {
      Files.writeString(large.resolve("text" + i + ".txt"), (i + text).repeat(400_000));
    }
  }

  static Stream<Arguments> all() {
    String wanted = System.getProperty("longnet.faults", ".*");
    int times = Integer.getInteger("longnet.faults.times", 1);
    return Stream.of(Fault.values())
        .flatMap(fault ->
            Stream.of(RankMoment.values())
                .flatMap(moment ->
                    Stream.iterate(0, rank -> rank + 1)
                        .limit(SIZE)
                        .filter(rank -> (fault + " " + moment + " " + rank).matches(wanted))
                        .flatMap(rank ->
                            Stream.generate(() -> Arguments.of(fault, moment, rank))
                                .limit(times))));
  }

  @ParameterizedTest(name = "{0} {1} {2}")
  @MethodSource("all")
  void theOthersLeave(Fault fault, RankMoment moment, int victim) throws Exception {
    Path here = Files.createTempDirectory(folder, "case");
    Path run = here.resolve("run");
    Path recipe =
        Files.writeString(
            here.resolve("recipe.yaml"),
            RECIPE.formatted(
                moment == RankMoment.CORPUS ? folder.resolve("large") : corpus,
                moment == RankMoment.CHECKPOINT ? 192 : 32,
                moment == RankMoment.REPORT ? 3 : 1000,
                moment == RankMoment.EVALUATING ? 20_000 : 128,
                moment == RankMoment.REPORT ? 1000 : 8));
    Path cache = moment == RankMoment.CORPUS ? here.resolve("cache") : folder.resolve("cache");
    // A timeout that is far away does not end what a kill must.
    int timeout = fault == Fault.KILLED && moment != RankMoment.JOINING ? 60 : TIMEOUT;
    RankNetwork network = fault == Fault.CUT ? RankNetwork.of(SIZE).orElse(null) : null;
    assumeTrue(fault != Fault.CUT || network != null, "network namespaces need root");
    try (network;
        RankChildren ranks =
            RankChildren.of(
                here.resolve("ranks"),
                cache,
                SIZE,
                network,
                "--recipe",
                recipe,
                "--out",
                run,
                "--rank-timeout",
                timeout)) {
      int missing = moment == RankMoment.JOINING ? victim == 2 ? 1 : 2 : -1;
      for (int rank = 0; rank < SIZE; rank++) {
        if (rank != missing) {
          ranks.start(rank);
        }
      }
      await(ranks, moment, run, victim);
      long start = System.nanoTime();
      switch (fault) {
        case KILLED -> Signals.KILL.send(ranks.rank(victim));
        case STOPPED -> {}
        case CUT -> network.cut(victim);
      }
      for (int rank = 0; rank < SIZE; rank++) {
        if (rank != missing && (rank != victim || fault == Fault.CUT)) {
          Signals.CONT.send(ranks.rank(rank));
        }
      }
      if (missing >= 0) {
        ranks.start(missing);
      }
      boolean atOnce = fault == Fault.KILLED && moment != RankMoment.JOINING;
      double bound = (atOnce ? 0 : TIMEOUT) + SLACK + (missing >= 0 ? START : 0);
      StringBuilder said = new StringBuilder();
      for (int rank = 0; rank < SIZE; rank++) {
        if (rank == victim && fault != Fault.CUT) {
          continue;
        }
        boolean all = moment == RankMoment.REPORT && rank == 0;
        double left = (all ? 600 : 60) - (System.nanoTime() - start) * 1e-9;
        boolean ended = ranks.rank(rank).waitFor((long) (left * 1e9), TimeUnit.NANOSECONDS);
        Thread.sleep(5); // its end is noted
        double seconds = (ranks.ends().getOrDefault(rank, System.nanoTime()) - start) * 1e-9;
        String last = ranks.err(rank).isEmpty() ? "" : ranks.err(rank).getLast();
        String code = ended ? "" + ranks.rank(rank).exitValue() : "none";
        said.append(
            String.format(Locale.ROOT, "%n  rank %d, %5.1f s, %s: %s", rank, seconds, code, last));
        if (!all && seconds > bound) {
          said.append(" LATE");
        }
      }
      System.out.println(fault + " " + moment + " " + victim + said);
      assertThat(said.toString()).doesNotContain("LATE");
      for (int rank = 0; rank < SIZE; rank++) {
        if (rank != victim || fault == Fault.CUT) {
          if (moment == RankMoment.JOINING && ranks.rank(rank).exitValue() == 1) {
            // It never met another one.
            assertThat(ranks.err(rank))
                .hasSize(1)
                .first()
                .asString()
                .contains("not reach the store");
          } else {
            left(ranks, rank, fault, moment, victim);
          }
        }
      }
    }
    whole(run);
    assertThat(here.resolve("ranks")).isDirectoryNotContaining("glob:**hs_err*");
    goesOn(run);
  }

  /// Stops all ranks in the moment.
  private static void await(RankChildren ranks, RankMoment moment, Path run, int victim)
      throws Exception {
    long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(180);
    while (true) {
      for (int rank : ranks.processes().keySet()) {
        assertThat(ranks.rank(rank).isAlive()).as(ranks.said(rank)).isTrue();
      }
      assertThat(System.nanoTime()).as("%s did not come", moment).isLessThan(deadline);
      if (moment.isNow(ranks, run, victim)) {
        ranks.all(Signals.STOP);
        Thread.sleep(5);
        if (moment.isNow(ranks, run, victim)) {
          return;
        }
        ranks.all(Signals.CONT);
      }
      Thread.sleep(1);
    }
  }

  /// A rank that the fault did not hit, or that was cut off from the others.
  private static void left(RankChildren ranks, int rank, Fault fault, RankMoment moment, int victim)
      throws IOException {
    String said = ranks.said(rank);
    if (moment == RankMoment.REPORT && rank == 0) {
      assertThat(ranks.rank(rank).exitValue()).as(said).isZero(); // all others have done their part
      return;
    }
    assertThat(ranks.rank(rank).exitValue()).as(said).isEqualTo(PeerLostException.EXIT_CODE);
    assertThat(ranks.err(rank).stream().filter(line -> line.startsWith("longnet: rank")).toList())
        .as(said)
        .hasSizeLessThanOrEqualTo(1);
    assertThat(said).doesNotContain("\tat ", "internal error", "terminate called", "[c10d]");
    String last = ranks.err(rank).getLast();
    assertThat(last).as(said).startsWith("longnet: ").contains("ead the");
    if (rank != victim) {
      if (moment == RankMoment.JOINING) { // the missing one may be late
        assertThat(last).containsAnyOf("rank " + victim, "did not join");
      } else {
        assertThat(last).contains("rank " + victim + " on ", " in ", "then resume the run");
      }
    }
  }

  private static void whole(Path run) throws IOException {
    for (Path checkpoint : Checkpoint.list(run)) {
      Checkpoint.open(checkpoint);
    }
  }

  /// From the last checkpoint, in one process; from the beginning where there is no run yet.
  private static void goesOn(Path run) throws IOException {
    if (!Files.exists(run.resolve("recipe.yaml"))) {
      return;
    }
    List<Path> saved = Checkpoint.list(run);
    int step = saved.isEmpty() ? 0 : (int) Checkpoint.open(saved.getLast()).state().get().step();
    Cli more =
        Cli.run(
            "train", "--resume", "--out", run, "--max-steps", step + 1, "--set", "sample.tokens=0");
    assertThat(more.exitCode()).as(more.toString()).isZero();
    assertThat(more.out()).contains(step == 0 ? "step 1/" : "resumed after step " + step);
    assertThat(WritingJob.leftovers(run)).isEmpty();
  }
}
