// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.jar.JarEntry;
import java.util.jar.JarOutputStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// `deploy/spark.sh` on a real cluster of Spark: master, two workers, two executors, each in a JVM
/// as on many machines. Slow: every test starts one, and ranks on it.
@Tag("slow")
@Tag("spark")
@EnabledOnOs(OS.LINUX)
@Timeout(1200)
class SparkClusterTest {
  private static final String CLUSTER = "local-cluster[2,1,1024]";

  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['corpus'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 2
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, sequences: 2, batch_tokens: 256, steps: 40}
      runtime: {threads: 1}
      optimizer: {learning_rate: 3e-3}
      schedule: {warmup_steps: 3}
      checkpoint: {every_steps: 10}
      evaluation: {every_steps: 20, every_tokens: 256, lengths: [16, 64], tokens: 512}
      sample: {tokens: 8}
      """;

  /// As `bin/spark-submit` of a distribution does, where there are only its jars.
  private static final String SPARK_SUBMIT =
      """
      #!/usr/bin/env bash
      set -euo pipefail
      export SPARK_SCALA_VERSION=2.13
      mapfile -d '' -t words < <("$JAVA_HOME/bin/java" -cp "$SPARK_HOME/jars/*" \\
        org.apache.spark.launcher.Main org.apache.spark.deploy.SparkSubmit "$@")
      words[1]=${words[1]#$'\\n'}
      exec "${words[@]:1}"
      """;

  @TempDir Path directory;
  private Path checkout;
  private Path spark;

  /// A checkout of ours as a user has it, and a Spark whose folder may be written to.
  @BeforeEach
  void installed() throws IOException {
    Path given =
        Optional.ofNullable(System.getenv("SPARK_HOME"))
            .map(Path::of)
            .orElse(Path.of("target/spark"))
            .toAbsolutePath();
    assumeTrue(
        Files.isDirectory(given.resolve("jars")),
        () ->
            "no Spark in "
                + given
                + ": set SPARK_HOME, or fetch it with ./mvnw -f longnet-spark/distribution/pom.xml generate-resources");
    spark = Files.createDirectory(directory.resolve("spark"));
    Files.createSymbolicLink(spark.resolve("jars"), given.resolve("jars"));
    if (Files.isDirectory(given.resolve("bin"))) {
      Files.createSymbolicLink(spark.resolve("bin"), given.resolve("bin"));
    } else {
      script(spark.resolve("bin/spark-submit"), SPARK_SUBMIT);
    }
    // A busy machine starts executors slowly.
    Files.createDirectory(spark.resolve("conf"));
    Files.writeString(
        spark.resolve("conf/spark-defaults.conf"),
        "spark.scheduler.maxRegisteredResourcesWaitingTime 300s\n");
    checkout = Files.createDirectory(directory.resolve("checkout"));
    script(checkout.resolve("deploy/spark.sh"), Files.readString(Path.of("../deploy/spark.sh")));
    script(checkout.resolve("longnet"), longnet());
    jar(Path.of("target/classes"), checkout.resolve("longnet-spark/target/longnet-spark-1.jar"));
    Files.writeString(directory.resolve("tiny.yaml"), RECIPE);
    Path corpus = Files.createDirectory(directory.resolve("corpus"));
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("File" + i + ".java"),
          ("class File" + i + " { int value = " + i * i + "; }\n").repeat(8));
    }
  }

  @Test
  void twoTasksTrainAsOneProcessDoes() throws Exception {
    end(
        0,
        start(
            "one.log",
            checkout.resolve("longnet"),
            "train",
            "--recipe",
            "tiny.yaml",
            "--out",
            "one"));
    end(0, onSpark("two.log", "--out", "two"));
    Map<Integer, Double> one = losses("one");
    Map<Integer, Double> two = losses("two");
    assertThat(one).hasSize(40);
    assertThat(two).hasSameSizeAs(one);
    one.forEach(
        (step, loss) -> assertThat(two.get(step)).as("step " + step).isCloseTo(loss, within(1e-5)));
    assertThat(directory.resolve("two/report.html")).exists();
    // Each executor's log has its rank's lines, and the run nobody else's.
    List<Path> outputs = found(spark.resolve("work"), "stdout");
    assertThat(outputs).hasSize(2);
    for (Path output : outputs) {
      assertThat(output).content().contains("step 40/40");
    }
    assertThat(outputs.stream().filter(SparkClusterTest::hasReport)).hasSize(1);
    assertThat(directory.resolve("two/ranks")).doesNotExist();
  }

  @Test
  void aKilledRankIsOneLineAndTheRunGoesOn() throws Exception {
    Process submit =
        onSpark("run.log", "--out", "run", "--restarts", "1", "--set", "training.steps=400");
    long killed;
    try {
      while (submit.isAlive() && steps("run") < 15) {
        Thread.sleep(100);
      }
      ProcessHandle rank = rank(submit, 1);
      killed = rank.pid();
      assertThat(rank.destroyForcibly()).isTrue();
    } finally {
      end(0, submit);
    }
    assertThat(ProcessHandle.of(killed)).isEmpty();
    assertThat(said("run.log"))
        .contains("longnet: rank 1 of 2 on 127.0.0.1 ended with exit code 137")
        .contains(
            "longnet: rank 1 of 2 was killed by signal 9; its log: the standard output of its executor; restart 1 of 1, from ");
    assertThat(losses("run")).hasSize(400);
  }

  /// Nothing is begun, not even Spark.
  @Test
  void aMistakeIsOneLine() throws Exception {
    end(2, onSpark("run.log", "--out", "run", "--set", "runtime.threads=2"));
    assertThat(said("run.log").lines().filter(line -> !line.startsWith("WARNING: ")))
        .containsExactly(
            "longnet: --set runtime.threads must be at most spark.task.cpus=1, the cores of a task: "
                + "--set runtime.threads=2");
    assertThat(directory.resolve("run")).doesNotExist();
    assertThat(spark.resolve("work")).doesNotExist();
  }

  private Process onSpark(String log, String... options) throws IOException {
    List<Object> words =
        new ArrayList<>(
            List.of(checkout.resolve("deploy/spark.sh"), CLUSTER, 2, 1, "--recipe", "tiny.yaml"));
    words.addAll(List.of(options));
    return start(log, words.toArray());
  }

  private Process start(String log, Object... words) throws IOException {
    ProcessBuilder builder =
        new ProcessBuilder(Stream.of(words).map(Object::toString).toList())
            .directory(directory.toFile())
            .redirectErrorStream(true)
            .redirectOutput(directory.resolve(log).toFile());
    builder.environment().put("SPARK_HOME", spark.toString());
    builder.environment().put("SPARK_LOCAL_IP", "127.0.0.1");
    builder.environment().put("JAVA_HOME", System.getProperty("java.home"));
    Process process = builder.start();
    process.getOutputStream().close();
    return process;
  }

  private void end(int code, Process process) throws Exception {
    if (!process.waitFor(9, TimeUnit.MINUTES)) {
      process.descendants().forEach(ProcessHandle::destroyForcibly);
      process.destroyForcibly();
    }
    StringBuilder said = new StringBuilder();
    for (Path log : found(directory, "log")) {
      said.append(log).append('\n').append(Files.readString(log));
    }
    assertThat(process.waitFor()).as(said.toString()).isEqualTo(code);
  }

  /// A rank is a process of an executor, which is one of a worker, which is in the driver here.
  private static ProcessHandle rank(Process submit, int rank) {
    return submit
        .descendants()
        .filter(process -> environment(process).contains("\0RANK=" + rank + "\0"))
        .findFirst()
        .orElseThrow();
  }

  private static String environment(ProcessHandle process) {
    try {
      return "\0" + Files.readString(Path.of("/proc/" + process.pid() + "/environ"));
    } catch (IOException gone) {
      return "";
    }
  }

  private String said(String log) throws IOException {
    return Files.readString(directory.resolve(log));
  }

  private int steps(String run) throws IOException {
    return Files.exists(directory.resolve(run).resolve("metrics.jsonl")) ? losses(run).size() : 0;
  }

  private Map<Integer, Double> losses(String run) throws IOException {
    Map<Integer, Double> losses = new TreeMap<>();
    for (String line : Files.readAllLines(directory.resolve(run).resolve("metrics.jsonl"))) {
      JsonNode step = new ObjectMapper().readTree(line);
      if (step.has("loss")) {
        losses.put(step.get("step").asInt(), step.get("loss").asDouble());
      }
    }
    return losses;
  }

  private static boolean hasReport(Path output) {
    try {
      return Files.readString(output).contains("\nreport ");
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static List<Path> found(Path root, String end) throws IOException {
    try (Stream<Path> all = Files.walk(root, 4)) {
      return all.filter(path -> path.toString().endsWith(end)).toList();
    }
  }

  /// The program from this build, on this JVM.
  private static String longnet() {
    return String.join(
        " ",
        "#!/usr/bin/env bash\nexport OPENBLAS_THREAD_TIMEOUT=4 OMP_WAIT_POLICY=PASSIVE\nexec",
        System.getProperty("java.home") + "/bin/java",
        "-Xmx1g --add-modules=jdk.incubator.vector --enable-native-access=ALL-UNNAMED",
        "-Dorg.bytedeco.javacpp.maxphysicalbytes=0 -Dorg.bytedeco.javacpp.maxbytes=0 -cp",
        System.getProperty("java.class.path"),
        "dev.longnet.cli.Main \"$@\"\n");
  }

  private static void script(Path file, String text) throws IOException {
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
    assertThat(file.toFile().setExecutable(true)).isTrue();
  }

  private static void jar(Path classes, Path jar) throws IOException {
    Files.createDirectories(jar.getParent());
    try (OutputStream file = Files.newOutputStream(jar);
        JarOutputStream out = new JarOutputStream(file);
        Stream<Path> all = Files.walk(classes)) {
      for (Path one : all.filter(Files::isRegularFile).toList()) {
        out.putNextEntry(new JarEntry(classes.relativize(one).toString()));
        Files.copy(one, out);
        out.closeEntry();
      }
    }
  }
}
