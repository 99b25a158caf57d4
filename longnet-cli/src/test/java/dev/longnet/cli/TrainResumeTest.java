// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Runs that stop and go on, as a user meets them: real processes where a process has to die.
class TrainResumeTest {
  @TempDir Path directory;
  private Path recipe;

  @BeforeEach
  void corpus() throws IOException {
    recipe = TinyRecipe.write(directory);
  }

  @Test
  void killedAndResumedGivesTheLossesOfARunThatWasNot() throws Exception {
    Path straight = directory.resolve("straight");
    assertThat(TinyRecipe.train(recipe, straight).exitCode()).isZero();
    Path killed = directory.resolve("killed");
    Process process = start("train", "--recipe", recipe.toString(), "--out", killed.toString());
    Path metrics = killed.resolve("metrics.jsonl");
    while (process.isAlive()
        && (!Files.exists(metrics) || Files.readAllLines(metrics).size() < 25)) {
      Thread.sleep(2);
    }
    process.destroyForcibly().waitFor();
    assertThat(process.exitValue())
        .as(Files.readString(directory.resolve("process.log")))
        .isEqualTo(137);
    Cli resumed = Cli.run("train", "--resume", "--out", killed.toString());
    assertThat(resumed.exitCode()).as(resumed.toString()).isZero();
    assertThat(resumed.out()).containsPattern("resumed after step [1-5]0");
    assertThat(losses(killed)).isEqualTo(losses(straight));
  }

  /// What Ctrl-C sends, and what a system that shuts down or a scheduler sends.
  @ParameterizedTest
  @ValueSource(strings = {"INT", "TERM"})
  @EnabledOnOs(OS.LINUX)
  void stoppingSavesAndSaysHowToGoOn(String signal) throws Exception {
    Path run = directory.resolve("run");
    Process process =
        start(
            signal.equals("INT") ? ProcessTest.heedingCtrlC() : List.of(),
            "train",
            "--recipe",
            recipe.toString(),
            "--out",
            run.toString(),
            "--set",
            "training.steps=100000",
            "--set",
            "checkpoint.every_steps=0");
    Path metrics = run.resolve("metrics.jsonl");
    while (process.isAlive()
        && (!Files.exists(metrics) || Files.readAllLines(metrics).size() < 5)) {
      Thread.sleep(2);
    }
    assertThat(
            new ProcessBuilder("kill", "-" + signal, Long.toString(process.pid()))
                .start()
                .waitFor())
        .isZero();
    assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).isEqualTo(signal.equals("INT") ? 130 : 143);
    String log = Files.readString(directory.resolve("process.log"));
    assertThat(log).contains("and saved; go on with: longnet train --resume --out " + run);
    assertThat(TinyRecipe.names(run.resolve("checkpoints"))).hasSize(1);
    Cli resumed = Cli.run("train", "--resume", "--out", run.toString(), "--max-steps", "1");
    assertThat(resumed.exitCode()).as(resumed.toString()).isZero();
  }

  /// A limit of 100 KiB a file stands for a full disk: records of steps fit, the next checkpoint
  /// does not.
  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskKeepsTheLastCheckpoint() throws Exception {
    Path run = TinyRecipe.trained(recipe, directory.resolve("run"), 10);
    List<String> files = TinyRecipe.names(run.resolve("checkpoints"));
    assertThat(files).hasSize(1);
    Process full =
        start(
            List.of("bash", "-c", "ulimit -f 100; exec \"$@\"", "bash"),
            "train",
            "--resume",
            "--out",
            run.toString());
    assertThat(full.waitFor(60, TimeUnit.SECONDS)).isTrue();
    String log = Files.readString(directory.resolve("process.log"));
    assertThat(full.exitValue()).as(log).isEqualTo(1);
    assertThat(log.strip().lines().toList().getLast())
        .startsWith("longnet: step 20 could not be recorded (")
        .endsWith(
            "the last checkpoint in %1$s is whole; make room on its disk, then longnet train --resume --out %1$s"
                .formatted(run));
    assertThat(log).doesNotContain("\tat ");
    assertThat(TinyRecipe.names(run.resolve("checkpoints"))).isEqualTo(files);
    Cli resumed = Cli.run("train", "--resume", "--out", run.toString(), "--max-steps", "20");
    assertThat(resumed.exitCode()).as(resumed.toString()).isZero();
    assertThat(resumed.out()).contains("resumed after step 10", "step 20/20");
  }

  @Test
  void resumingFromATruncatedCheckpointIsRefused() throws Exception {
    Path run = TinyRecipe.trained(recipe, directory.resolve("run"), 1);
    Path weights =
        run.resolve("checkpoints")
            .resolve(TinyRecipe.names(run.resolve("checkpoints")).getFirst())
            .resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
    Cli resumed = Cli.run("train", "--resume", "--out", run.toString());
    assertThat(resumed.exitCode()).as(resumed.toString()).isEqualTo(2);
    assertThat(resumed.err().strip().lines()).as(resumed.toString()).hasSize(1);
    assertThat(resumed.err()).contains(weights.toString());
  }

  private Process start(String... arguments) throws IOException {
    return start(List.of(), arguments);
  }

  private Process start(List<String> before, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(Child.command(List.of(), List.of(arguments)));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("process.log").toFile())
        .start();
  }

  private static List<String> losses(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line ->
            line.contains("\"event\":\"train\"") || line.contains("\"event\":\"validation\""))
        .map(line -> line.replaceAll("\"learning_rate.*", ""))
        .toList();
  }
}
