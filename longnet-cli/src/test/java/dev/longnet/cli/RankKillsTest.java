// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.checkpoint.Checkpoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs of `--ranks 2 --restarts` whose processes are killed again and again at random moments: a
/// rank, all ranks, or the process that started them. They end as a run that nobody disturbed, bit
/// for bit. `-Dlongnet.kills=100` is how often, `-Dlongnet.kills.steps=500` how long a run is.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class RankKillsTest {
  private static final int STEPS = Integer.getInteger("longnet.kills.steps", 40);

  @TempDir Path folder;
  private Path run;
  private Path cache;

  /// @param shards virtual ones, for which one process has the bits of two; 0: none, and always two
  @ParameterizedTest
  @ValueSource(ints = {2, 0})
  void whatIsKilledEndsTheSame(int shards) throws Exception {
    Path recipe = TinyRecipe.write(folder);
    run = folder.resolve("run");
    cache = folder.resolve("cache");
    Path straight = folder.resolve("straight");
    long start = System.nanoTime();
    Process undisturbed = start(recipe, straight, shards, 2);
    assertThat(undisturbed.waitFor()).as(said()).isZero();
    double whole = Math.min(30, (System.nanoTime() - start) * 1e-9);

    Random random = new Random(11 + shards);
    int kills = Integer.getInteger("longnet.kills", 20);
    Map<String, Integer> killed = new TreeMap<>();
    int runs = 0;
    for (int done = 0; done < kills; runs++) {
      run = folder.resolve("run" + runs);
      done += disturbed(recipe, shards, kills - done, whole, random, killed);
      same(straight);
    }
    assertThat(said()).doesNotContain("\tat ", "internal error", "[c10d]");
    System.out.printf(
        "%d virtual shards: killed %s in %d runs of %d steps%n", shards, killed, runs, STEPS);
  }

  /// One run to its end.
  ///
  /// @param kills at most
  /// @param killed how often what was killed
  /// @return how often
  private int disturbed(
      Path recipe, int shards, int kills, double whole, Random random, Map<String, Integer> killed)
      throws Exception {
    int count = 0;
    Process process = start(recipe, run, shards, 2);
    try {
      while (count < kills && process.isAlive()) {
        moment(random, process, whole);
        List<ProcessHandle> ranks = process.children().toList();
        int chosen = random.nextInt(10);
        String who;
        if (chosen < 4 && !ranks.isEmpty()) {
          ranks.get(random.nextInt(ranks.size())).destroyForcibly();
          who = "a rank";
        } else if (chosen < 6 && !ranks.isEmpty()) {
          ranks.forEach(ProcessHandle::destroyForcibly);
          who = "all ranks";
        } else if (chosen >= 6) {
          process.destroyForcibly().waitFor();
          if (process.exitValue() == 0) {
            break;
          }
          who = ranks.isEmpty() ? "a single process" : "the first process";
          for (ProcessHandle rank : ranks) { // they hear of it by themselves
            assertThat(rank.onExit().completeOnTimeout(null, 20, TimeUnit.SECONDS).get())
                .as("an orphan: " + said())
                .isNotNull();
          }
          process = start(recipe, run, shards, shards == 0 ? 2 : 1 + random.nextInt(2));
        } else {
          continue;
        }
        killed.merge(who, 1, Integer::sum);
        count++;
        for (Path checkpoint : Checkpoint.list(run)) {
          whole(checkpoint);
        }
      }
      assertThat(process.waitFor(600, TimeUnit.SECONDS)).as(said()).isTrue();
    } finally {
      process.children().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    assertThat(process.exitValue()).as(said()).isZero();
    return count;
  }

  private void same(Path straight) throws IOException {
    assertThat(losses(run)).isEqualTo(losses(straight));
    Path last = Checkpoint.list(run).getLast();
    assertThat(last.getFileName()).asString().isEqualTo("step-%08d".formatted(STEPS));
    for (String name : List.of("model.safetensors", "optimizer.safetensors")) {
      assertThat(last.resolve(name))
          .hasSameBinaryContentAs(Checkpoint.list(straight).getLast().resolve(name));
    }
    assertThat(run.resolve("sample.txt")).hasSameBinaryContentAs(straight.resolve("sample.txt"));
    assertThat(WritingJob.leftovers(run)).isEmpty();
  }

  /// Half of them soon after the run went on, half at any time.
  private void moment(Random random, Process process, double whole) throws Exception {
    long bound = System.nanoTime() + (long) (whole * 1e9);
    if (random.nextBoolean()) {
      long size = size();
      while (size() == size && process.isAlive() && System.nanoTime() < bound) {
        Thread.sleep(2);
      }
      Thread.sleep(random.nextInt((int) (whole * 200)));
    } else {
      Thread.sleep(random.nextInt((int) (whole * 500)));
    }
  }

  private long size() throws IOException {
    Path metrics = run.resolve("metrics.jsonl");
    return Files.exists(metrics) ? Files.size(metrics) : 0;
  }

  /// Ranks that go on meanwhile may remove it, as an old one.
  private static void whole(Path checkpoint) throws Exception {
    try {
      Checkpoint.open(checkpoint);
    } catch (IOException | IllegalArgumentException e) {
      Thread.sleep(1_000);
      if (Files.exists(checkpoint)) {
        Checkpoint.open(checkpoint);
      }
    }
  }

  private Process start(Path recipe, Path out, int shards, int ranks) throws IOException {
    ProcessBuilder builder =
        RankChildren.startedBy(
            cache,
            recipe,
            out,
            ranks,
            ranks > 1 ? 1000 : 0,
            "training.virtual_shards=" + shards,
            "training.steps=" + STEPS,
            "training.batch_tokens=128",
            "checkpoint.every_steps=2");
    return builder
        .redirectErrorStream(true)
        .redirectOutput(ProcessBuilder.Redirect.appendTo(folder.resolve("said").toFile()))
        .start();
  }

  private String said() throws IOException {
    return Files.readString(folder.resolve("said"));
  }

  private static List<String> losses(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line -> line.contains("\"event\":\"train\""))
        .map(line -> line.replaceAll("\"learning_rate.*", ""))
        .toList();
  }
}
