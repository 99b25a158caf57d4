// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// `longnet train` on several ranks, as a user starts it.
@EnabledOnOs(OS.LINUX)
@Timeout(600)
class TrainRanksTest {
  @TempDir Path directory;
  private Path recipe;
  private Path run;

  @BeforeEach
  void corpus() throws IOException {
    recipe = TinyRecipe.write(directory);
    run = directory.resolve("run");
  }

  /// What a launcher's environment lacks is one line, before anything is loaded.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          RANK=4 WORLD_SIZE=4 | RANK must be less than WORLD_SIZE=4: RANK=4
          SLURM_NTASKS=4      | SLURM_NTASKS must come with srun, which starts its tasks: start with srun, or give --ranks=1
          LONGNET_SPARK_TASK_CPUS=2 RANK=4 | --ranks must be given on Spark, it is not
          JOB_COMPLETION_INDEX=1 | LONGNET_COMPLETIONS must be set beside JOB_COMPLETION_INDEX
          PET_NNODES=2 PET_NODE_RANK=0 PET_NPROC_PER_NODE=8 | PET_NPROC_PER_NODE must be 1
          """)
  void aWrongEnvironmentIsOneLine(String variables, String message) throws Exception {
    ProcessBuilder builder = builder("--recipe", recipe, "--out", run);
    for (String variable : variables.split(" ")) {
      String[] pair = variable.split("=");
      builder.environment().put(pair[0], pair[1]);
    }
    Child child = Child.of(builder);
    assertThat(child.exitCode()).isEqualTo(2);
    assertThat(lines(child.err())).hasSize(1).first().asString().startsWith("longnet: " + message);
    assertThat(child.out()).isEmpty();
    assertThat(run).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --ranks 0                        | --ranks must be at least 1: --ranks=0
          --ranks 4 --sequence-ranks 3     | --sequence-ranks must divide the number of ranks, 4: --sequence-ranks=3
          --ranks 4 --restart-ranks 2      | --restart-ranks must come with --restarts: --restart-ranks=2
          --ranks 4 --restarts 1 --restart-ranks 5 | --restart-ranks must be at most the 4 ranks of before: --restart-ranks=5
          --ranks 4 --restarts 1 --restart-ranks 3 --sequence-ranks 2 | --sequence-ranks must divide the number of ranks, 3: --sequence-ranks=2
          --ranks 3 --set training.virtual_shards=8 | --set training.virtual_shards must be a multiple of the ranks that share them, 3: --set training.virtual_shards=8
          --sequence-ranks 2               | --sequence-ranks must come with several ranks (--ranks, a launcher) or with --set training.virtual_shards: --sequence-ranks=2
          --ranks 8 --sequence-ranks 1     | --set training.batch_tokens must be at least 512, a window for each of the 8 groups of ranks: --set training.batch_tokens=256
          --ranks 65 --sequence-ranks 65   | --set training.window must be at least 65, a token for each of the ranks that share a window: --set training.window=64
          --restarts 1                     | --restarts must come with ranks that are started here (--ranks), there are none: --restarts=1
          --ranks 2 --rank-timeout 0       | --rank-timeout must be at least 1: --rank-timeout=0
          --resume-if-begun                | --resume-if-begun must come with --out, the run it is about
          --ranks 2 --max-steps 0          | --max-steps must be positive: --max-steps=0
          """)
  void mistakesAreOneLineAndStartNothing(String options, String message) {
    List<Object> words = new ArrayList<>(List.of("train", "--recipe", recipe));
    if (!options.contains("resume-if-begun")) {
      words.addAll(List.of("--out", run));
    }
    words.addAll(List.of(options.split(" ")));
    Cli.refused(message, words.toArray());
    assertThat(run).doesNotExist();
  }

  /// Nothing is started.
  @Test
  void aDryRunCountsAllRanksOfTheMachine() {
    Cli cli = Cli.run("train", "--recipe", recipe, "--out", run, "--ranks", 4, "--dry-run");
    assertThat(cli.exitCode()).as(cli.toString()).isZero();
    assertThat(cli.out())
        .contains(" for each of 4 ranks: ", " of memory for its 4 ranks together")
        .contains("time         60 steps of 256 tokens (matrix products run at ")
        .doesNotContain("about");
    assertThat(run).doesNotExist();
  }

  @Test
  void twoRanksTrainOneRun() throws Exception {
    Child child =
        Child.of(builder("--recipe", recipe, "--out", run, "--ranks", 2, "--max-steps", 5))
            .succeeds();
    assertThat(child.out()).contains("step 5/5", "validation   context 64", "report ");
    assertThat(child.err()).contains("longnet: 2 ranks of ");
    assertThat(run.resolve("report.html")).exists();
    assertThat(TinyRecipe.names(run.resolve("ranks"))).containsExactly("rank-1.log");
    assertThat(run.resolve("ranks/rank-1.log"))
        .content()
        .contains("step 5/5")
        .doesNotContain("NaN");
    // The run is one like any other.
    Cli alone = Cli.run("train", "--resume", "--out", run, "--max-steps", 6);
    assertThat(alone.exitCode()).as(alone.toString()).isZero();
    assertThat(alone.out()).contains("resumed after step 5", "step 6/6");
  }

  @Test
  @Tag("slow")
  void ctrlCStopsAllRanksWithOneCheckpoint() throws Exception {
    List<String> command = new ArrayList<>(List.of("setsid"));
    command.addAll(ProcessTest.heedingCtrlC());
    ProcessBuilder builder =
        builder(
            "--recipe",
            recipe,
            "--out",
            run,
            "--ranks",
            2,
            "--set",
            "training.steps=100000",
            "--set",
            "checkpoint.every_steps=0");
    command.addAll(builder.command());
    Process process = start(builder.command(command));
    try {
      steps(process, 5);
      // As a terminal does: to every process of the group.
      assertThat(new ProcessBuilder("kill", "-INT", "--", "-" + process.pid()).start().waitFor())
          .isZero();
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(directory.resolve("said"));
    assertThat(process.exitValue()).as(said).isEqualTo(130);
    assertThat(said)
        .contains("and saved; go on with: longnet train --resume --out " + run)
        .doesNotContain("\tat ");
    assertThat(TinyRecipe.names(run.resolve("checkpoints"))).hasSize(1);
  }

  /// A rank that is killed: the others leave, the run goes on from its last checkpoint, and the
  /// losses are those of a run that was left alone.
  @Test
  @Tag("slow")
  void aKilledRankIsStartedAgain() throws Exception {
    Path straight = directory.resolve("straight");
    Child.of(builder("--recipe", recipe, "--out", straight, "--ranks", 2)).succeeds();
    Process process =
        start(builder("--recipe", recipe, "--out", run, "--ranks", 2, "--restarts", 1));
    try {
      steps(process, 15);
      ProcessHandle second =
          process
              .children()
              .filter(child -> environment(child).contains("\0RANK=1\0"))
              .findFirst()
              .orElseThrow();
      second.destroyForcibly();
      assertThat(process.waitFor(300, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(directory.resolve("said"));
    assertThat(process.exitValue()).as(said).isZero();
    assertThat(said)
        .containsPattern(
            "longnet: rank 1 of 2 was killed by signal 9; its log: .*; restart 1 of 1, from .*step-000000.0, with 2 ranks");
    assertThat(said).contains("step 60/60").doesNotContain("\tat ");
    assertThat(losses(run)).isEqualTo(losses(straight));
  }

  /// The others do not know it yet, and would wait for the timeout. Who started them knows.
  @Test
  @Tag("slow")
  void aRankThatIsKilledBeforeItJoinedEndsAllAtOnce() throws Exception {
    Process process =
        start(builder("--recipe", recipe, "--out", run, "--ranks", 2, "--rank-timeout", 600));
    try {
      long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
      while (true) {
        var second =
            process
                .children()
                .filter(child -> environment(child).contains("\0RANK=1\0"))
                .findFirst();
        if (second.isPresent()) {
          second.get().destroyForcibly();
          break;
        }
        assertThat(System.nanoTime()).isLessThan(end);
        Thread.sleep(1);
      }
      assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(directory.resolve("said"));
    assertThat(process.exitValue()).as(said).isEqualTo(75);
    assertThat(said)
        .contains(
            "longnet: rank 1 of 2 was killed by signal 9, while ranks joined. Read its log, then start the run again",
            "longnet: rank 1 of 2 was killed by signal 9; its log: ")
        .doesNotContain("\tat ");
  }

  private ProcessBuilder builder(Object... words) {
    List<Object> arguments = new ArrayList<>(List.of("train"));
    arguments.addAll(List.of(words));
    ProcessBuilder builder = new ProcessBuilder(Child.command(List.of("-Xmx512m"), arguments));
    Map<String, String> environment = builder.environment();
    environment.put("OPENBLAS_THREAD_TIMEOUT", "4");
    environment.put("OMP_WAIT_POLICY", "PASSIVE");
    return builder;
  }

  private Process start(ProcessBuilder builder) throws IOException {
    return builder
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("said").toFile())
        .start();
  }

  /// Until so many records of steps are written.
  private void steps(Process process, int steps) throws Exception {
    Path metrics = run.resolve("metrics.jsonl");
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(120);
    while (!Files.exists(metrics) || Files.readAllLines(metrics).size() < steps) {
      assertThat(process.isAlive()).as(Files.readString(directory.resolve("said"))).isTrue();
      assertThat(System.nanoTime()).isLessThan(end);
      Thread.sleep(5);
    }
  }

  private static String environment(ProcessHandle process) {
    try {
      return "\0" + Files.readString(Path.of("/proc/" + process.pid() + "/environ"));
    } catch (IOException gone) {
      return "";
    }
  }

  private static List<String> losses(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line -> line.contains("\"event\":\"train\""))
        .map(line -> line.replaceAll("\"learning_rate.*", ""))
        .toList();
  }

  private static List<String> lines(String err) {
    return err.lines().filter(line -> !line.startsWith("WARNING: Using incubator")).toList();
  }
}
