package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// The command as a user meets it: real processes where a process has to die.
class TrainCommandTest {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 2
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 2, batch_tokens: 256, steps: 60}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      checkpoint: {every_steps: 10}
      evaluation: {every_steps: 20, every_tokens: 256, lengths: [16, 64], tokens: 512}
      sample: {tokens: 8}
      """;

  @TempDir Path directory;
  private Path recipe;

  @BeforeEach
  void corpus() throws IOException {
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
    recipe = directory.resolve("tiny.yaml");
    Files.writeString(recipe, RECIPE.formatted(corpus));
  }

  @Test
  void aRunLeavesEverythingItPromises() throws Exception {
    Path run = directory.resolve("run");
    Result result = inProcess("train", "--recipe", recipe.toString(), "--out", run.toString());
    assertThat(result.code).as(result.toString()).isZero();
    assertThat(result.out)
        .contains(
            "parameters",
            "memory",
            "operations",
            "time ",
            "step 60/60",
            "bits/byte, gzip -9",
            "report");
    assertThat(names(run))
        .contains(
            "recipe.yaml",
            "metrics.jsonl",
            "tensorboard",
            "checkpoints",
            "environment.json",
            "evaluation.json",
            "sample.txt",
            "report.html");
    assertThat(names(run.resolve("checkpoints")))
        .containsExactlyInAnyOrder("step-00000050", "step-00000060");
    assertThat(Files.readAllLines(run.resolve("metrics.jsonl")))
        .filteredOn(line -> line.contains("\"event\":\"validation\""))
        .hasSize(3);
  }

  @Test
  void aRunThatEndsBeforeItsBranchesJoinedSaysSo() throws Exception {
    String late = "training.branch_starts=[0, 0.5]";
    Result early =
        inProcess(
            "train",
            "--recipe",
            recipe.toString(),
            "--out",
            directory.resolve("early").toString(),
            "--set",
            late,
            "--max-steps",
            "30");
    assertThat(early.out)
        .contains(
            "note         stopped at step 30, before all branches joined (training.branch_starts): 1 of 2");
    Result whole =
        inProcess(
            "train",
            "--recipe",
            recipe.toString(),
            "--out",
            directory.resolve("whole").toString(),
            "--set",
            late,
            "--max-steps",
            "31");
    assertThat(whole.out).contains("step 31").doesNotContain("before all branches joined");
  }

  @Test
  void killedAndResumedGivesTheLossesOfARunThatWasNot() throws Exception {
    Path straight = directory.resolve("straight");
    assertThat(inProcess("train", "--recipe", recipe.toString(), "--out", straight.toString()).code)
        .isZero();
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
    Result resumed = inProcess("train", "--resume", "--out", killed.toString());
    assertThat(resumed.code).as(resumed.toString()).isZero();
    assertThat(resumed.out).containsPattern("resumed after step [1-5]0");
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
    assertThat(names(run.resolve("checkpoints"))).hasSize(1);
    Result resumed = inProcess("train", "--resume", "--out", run.toString(), "--max-steps", "1");
    assertThat(resumed.code).as(resumed.toString()).isZero();
  }

  /// A limit of 100 KiB a file stands for a full disk: records of steps fit, the next checkpoint
  /// does not.
  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskKeepsTheLastCheckpoint() throws Exception {
    Path run = directory.resolve("run");
    assertThat(
            inProcess(
                    "train",
                    "--recipe",
                    recipe.toString(),
                    "--out",
                    run.toString(),
                    "--max-steps",
                    "10")
                .code)
        .isZero();
    List<String> files = names(run.resolve("checkpoints"));
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
    assertThat(names(run.resolve("checkpoints"))).isEqualTo(files);
    Result resumed = inProcess("train", "--resume", "--out", run.toString(), "--max-steps", "20");
    assertThat(resumed.code).as(resumed.toString()).isZero();
    assertThat(resumed.out).contains("resumed after step 10", "step 20/20");
  }

  @Test
  void resumingFromATruncatedCheckpointIsRefused() throws Exception {
    Path run = directory.resolve("run");
    assertThat(
            inProcess(
                    "train",
                    "--recipe",
                    recipe.toString(),
                    "--out",
                    run.toString(),
                    "--max-steps",
                    "1")
                .code)
        .isZero();
    Path weights =
        run.resolve("checkpoints")
            .resolve(names(run.resolve("checkpoints")).getFirst())
            .resolve("model.safetensors");
    byte[] bytes = Files.readAllBytes(weights);
    Files.write(weights, Arrays.copyOf(bytes, bytes.length / 2));
    Result resumed = inProcess("train", "--resume", "--out", run.toString());
    assertThat(resumed.code).as(resumed.toString()).isEqualTo(2);
    assertThat(resumed.err.strip().lines()).as(resumed.toString()).hasSize(1);
    assertThat(resumed.err).contains(weights.toString());
  }

  @Test
  void aDryRunWritesNothing() {
    Path run = directory.resolve("run");
    Result result =
        inProcess("train", "--recipe", recipe.toString(), "--out", run.toString(), "--dry-run");
    assertThat(result.code).isZero();
    assertThat(result.out).contains("parameters");
    assertThat(run).doesNotExist();
  }

  @Test
  void anotherCorpusComesWithoutTheRecipesGlobs() throws Exception {
    Files.writeString(
        recipe,
        Files.readString(recipe)
            .replace(
                "tokenizer: bytes,", "tokenizer: bytes, include: ['*.txt'], exclude: ['File*'],"));
    Path run = directory.resolve("run");
    Result own =
        inProcess(
            "train", "--recipe", recipe.toString(), "--out", run.toString(), "--max-steps", "1");
    assertThat(own.code).as(own.toString()).isEqualTo(2);
    Result other =
        inProcess(
            "train",
            "--recipe",
            recipe.toString(),
            "--out",
            run.toString(),
            "--max-steps",
            "1",
            "--corpus",
            directory.resolve("corpus").toString());
    assertThat(other.code).as(other.toString()).isZero();
  }

  @Test
  void aRunInTheWayIsRefused() throws Exception {
    Path run = directory.resolve("run");
    assertThat(
            inProcess(
                    "train",
                    "--recipe",
                    recipe.toString(),
                    "--out",
                    run.toString(),
                    "--max-steps",
                    "1")
                .code)
        .isZero();
    Result again = inProcess("train", "--recipe", recipe.toString(), "--out", run.toString());
    assertThat(again.code).isEqualTo(2);
    assertThat(again.err.strip())
        .endsWith(
            "holds a run already: continue it with --resume, or name another directory with --out");
    Result other =
        inProcess("train", "--resume", "--out", run.toString(), "--set", "model.layers=3");
    assertThat(other.code).isEqualTo(2);
    assertThat(other.err)
        .contains("--resume needs the model of")
        .contains("start a new run to change it: model.layers=3 is not 2\n");
    Files.writeString(directory.resolve("corpus/File0.java"), "class Changed {}\n".repeat(30));
    Result changed = inProcess("train", "--resume", "--out", run.toString());
    assertThat(changed.code).isEqualTo(2);
    assertThat(changed.err).contains("the corpus is not the one this run was trained on");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          --max-steps 0                      | 2 | --max-steps must be positive: --max-steps=0
          --max-minutes -1                   | 2 | --max-minutes must be positive: --max-minutes=-1
          --recipe absent.yaml               | 2 | no such file or directory: absent.yaml
          --recipe quikstart                 | 2 | did you mean quickstart?
          --resume --out absent              | 2 | no run to resume in absent: it has no recipe.yaml
          --resume --recipe x.yaml           | 2 | --resume reads the run's own recipe
          --set training.window=300000000    | 2 | training.batch_tokens must be a multiple of
          --set training.steps=x             | 2 | training.steps must be a whole number of at least 1
          --corpus absent                    | 2 | absent
          --set runtime.attention_kernel=fast | 2 | runtime.attention_kernel must be one of auto, java, libtorch
          --set model.layers=100000          | 1 | this run needs about
          """)
  void mistakesAreOneLine(String arguments, int code, String message) throws Exception {
    List<String> all = new ArrayList<>(List.of("train"));
    if (!arguments.contains("--recipe") && !arguments.contains("--resume")) {
      all.addAll(List.of("--recipe", recipe.toString()));
    }
    if (!arguments.contains("--out") && !arguments.contains("--resume")) {
      all.addAll(List.of("--out", directory.resolve("run").toString()));
    }
    all.addAll(List.of(arguments.split(" ")));
    Result result = inProcess(all.toArray(String[]::new));
    assertThat(result.code).as(result.toString()).isEqualTo(code);
    assertThat(result.err).contains(message);
    assertThat(result.err.strip().lines()).as(result.toString()).hasSize(1);
    assertThat(directory.resolve("run")).doesNotExist();
  }

  @ParameterizedTest
  @CsvSource({
    "train --set runtime.device=cuda, runtime.device",
    "bench train --set runtime.device=cuda, runtime.device",
    "bench attention --device cuda, --device",
  })
  void aGpuThatIsNotThereIsNamed(String command, String field) {
    assumeFalse(Torch.hasCuda(), "this machine has a GPU");
    Result result = inProcess(command.split(" "));
    assertThat(result.code).as(result.toString()).isEqualTo(2);
    assertThat(result.err.strip())
        .isEqualTo(
            "longnet: %1$s must be cpu here, no usable GPU was found (see longnet doctor): %1$s=cuda"
                .formatted(field));
  }

  private record Result(int code, String out, String err) {}

  private static Result inProcess(String... arguments) {
    StringWriter out = new StringWriter();
    StringWriter err = new StringWriter();
    var line = Main.commandLine().setOut(new PrintWriter(out)).setErr(new PrintWriter(err));
    return new Result(Main.run(line, arguments), out.toString(), err.toString());
  }

  private Process start(String... arguments) throws IOException {
    return start(List.of(), arguments);
  }

  private Process start(List<String> before, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx1g", "--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED"));
    command.addAll(
        List.of("-Dorg.bytedeco.javacpp.maxphysicalbytes=0", "-Dorg.bytedeco.javacpp.maxbytes=0"));
    command.addAll(List.of("-cp", System.getProperty("java.class.path"), Main.class.getName()));
    command.addAll(List.of(arguments));
    return new ProcessBuilder(command)
        .redirectErrorStream(true)
        .redirectOutput(directory.resolve("process.log").toFile())
        .start();
  }

  private static List<String> names(Path path) throws IOException {
    try (Stream<Path> files = Files.list(path)) {
      return files.map(p -> p.getFileName().toString()).toList();
    }
  }

  private static List<String> losses(Path run) throws IOException {
    return Files.readAllLines(run.resolve("metrics.jsonl")).stream()
        .filter(line ->
            line.contains("\"event\":\"train\"") || line.contains("\"event\":\"validation\""))
        .map(line -> line.replaceAll("\"learning_rate.*", ""))
        .toList();
  }
}
