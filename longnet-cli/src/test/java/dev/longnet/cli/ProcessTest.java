// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What only a real process shows: exit codes, standard streams, the launcher.
class ProcessTest {
  @TempDir Path folder;

  @Test
  void exitCodesLeaveTheProcess() throws Exception {
    assertThat(java(folder.resolve("out"), "--version")).isZero();
    assertThat(folder.resolve("out")).content().startsWith("longnet ");
    assertThat(java(folder.resolve("out"), "eval", folder.resolve("missing").toString()))
        .isEqualTo(2);
    assertThat(
            Files.readString(folder.resolve("err"))
                .lines()
                .filter(l -> !l.startsWith("WARNING: Using incubator")))
        .hasSize(1)
        .first()
        .asString()
        .startsWith("longnet: no such run or checkpoint: ");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void aFullDiskUnderStandardOutputIsNoSuccess() throws Exception {
    assertThat(java(Path.of("/dev/full"), "completion", "bash")).isEqualTo(1);
    assertThat(folder.resolve("err"))
        .content()
        .contains("longnet: standard output can't be written");
  }

  /// A stream that would never end, stopped by Ctrl-C.
  @Test
  @EnabledOnOs(OS.LINUX)
  void ctrlCSavesAStreamThatGoesOn() throws Exception {
    Path model = TinyCheckpoint.write(folder.resolve("model"));
    Path text =
        Files.writeString(
            folder.resolve("text.txt"), "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(30));
    Path state = folder.resolve("s.state");
    Path json = folder.resolve("s.json");
    Path out = folder.resolve("out");
    Process stream =
        start(
            heedingCtrlC(),
            out,
            "stream",
            model.toString(),
            "--input",
            text.toString(),
            "--repeat",
            "--max-tokens",
            "1e12",
            "--threads",
            "1",
            "--chunk-tokens",
            "100",
            "--report-every",
            "500",
            "--save-state",
            state.toString(),
            "--save-every",
            "1000",
            "--json",
            json.toString());
    try {
      for (long end = System.nanoTime() + 60_000_000_000L;
          !Files.exists(state) && System.nanoTime() < end; ) {
        assertThat(stream.isAlive()).as(Files.readString(folder.resolve("err"))).isTrue();
        Thread.sleep(20);
      }
      assertThat(json).as("written at every save").exists();
      assertThat(new ProcessBuilder("kill", "-INT", Long.toString(stream.pid())).start().waitFor())
          .isZero();
      assertThat(stream.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      stream.destroyForcibly();
    }
    assertThat(stream.exitValue()).isEqualTo(130);
    assertThat(out)
        .content()
        .endsWith("stopped and saved; go on with --load-state " + state + "\n");
    long tokens = new ObjectMapper().readTree(json.toFile()).get("total").get("tokens").asLong();
    Cli on =
        Cli.run(
            "stream",
            model,
            "--input",
            text,
            "--repeat",
            "--max-tokens",
            tokens + 700,
            "--load-state",
            state);
    assertThat(on.exitCode()).as(on.err()).isZero();
    assertThat(on.out())
        .contains(
            String.format(
                Locale.ROOT, "going on after %,d tokens, in the middle of this input", tokens));
  }

  /// A text that would go on for hours, stopped by Ctrl-C: what it read and wrote can be gone on
  /// from.
  @Test
  @EnabledOnOs(OS.LINUX)
  void ctrlCSavesAGeneration() throws Exception {
    Path model = TinyCheckpoint.write(folder.resolve("model"));
    Path state = folder.resolve("g.state");
    Path out = folder.resolve("out");
    Process generate =
        start(
            heedingCtrlC(),
            out,
            "generate",
            model.toString(),
            "--prompt",
            "int ",
            "--max-tokens",
            "1e12",
            "--temperature",
            "0",
            "--threads",
            "1",
            "--save-state",
            state.toString());
    try {
      for (long end = System.nanoTime() + 60_000_000_000L;
          Files.size(out) < 100 && System.nanoTime() < end; ) {
        assertThat(generate.isAlive()).as(Files.readString(folder.resolve("err"))).isTrue();
        Thread.sleep(20);
      }
      assertThat(
              new ProcessBuilder("kill", "-INT", Long.toString(generate.pid())).start().waitFor())
          .isZero();
      assertThat(generate.waitFor(60, TimeUnit.SECONDS)).isTrue();
    } finally {
      generate.destroyForcibly();
    }
    assertThat(folder.resolve("err")).content().containsPattern("[0-9,]+ tokens \\(stopped\\)");
    assertThat(generate.exitValue()).isEqualTo(130);
    assertThat(state).exists();
    Cli on = Cli.run("generate", model, "--load-state", state, "--max-tokens", "3");
    assertThat(on.exitCode()).as(on.err()).isZero();
  }

  /// Ctrl-C in a prompt that has no end: while it is read, and while more of it is waited for.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  @EnabledOnOs(OS.LINUX)
  void ctrlCEndsAPromptThatGoesOn(boolean waits) throws Exception {
    Path model = TinyCheckpoint.write(folder.resolve("model"));
    Path state = folder.resolve("p.state");
    Process generate =
        start(
            heedingCtrlC(),
            folder.resolve("out"),
            "generate",
            model.toString(),
            "--prompt-file",
            "-",
            "--threads",
            "1",
            "--chunk-tokens",
            "100",
            "--save-state",
            state.toString());
    byte[] text = "for (int i = 0; i < 10; i++) { sum += i; }\n".repeat(5000).getBytes(US_ASCII);
    try (OutputStream prompt = generate.getOutputStream()) {
      // More than a pipe holds: once it is through, the prompt is being read.
      prompt.write(text);
      prompt.flush();
      Thread more =
          Thread.ofPlatform()
              .daemon()
              .unstarted(() -> {
                try {
                  while (true) {
                    prompt.write(text);
                  }
                } catch (IOException e) {
                  // The reader has gone.
                }
              });
      if (!waits) {
        more.start();
      }
      assertThat(
              new ProcessBuilder("kill", "-INT", Long.toString(generate.pid())).start().waitFor())
          .isZero();
      assertThat(generate.waitFor(60, TimeUnit.SECONDS)).isTrue();
      if (!waits) {
        more.join();
      }
    } finally {
      generate.destroyForcibly();
    }
    assertThat(generate.exitValue()).isEqualTo(130);
    assertThat(folder.resolve("err"))
        .content()
        .containsPattern("stopped after [0-9,]+ tokens of the prompt and saved; go on with");
    assertThat(folder.resolve("out")).isEmptyFile();
    Cli on = Cli.run("generate", model, "--load-state", state, "--max-tokens", "3");
    assertThat(on.exitCode()).as(on.err()).isZero();
  }

  @Test
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void theLauncherSaysWhenThereIsNoJdk25() throws Exception {
    Path launcher = Path.of("").toAbsolutePath().getParent().resolve("longnet");
    assertThat(launcher).isExecutable();
    // A copy whose search finds nothing: no JDK in the folders it knows.
    String text =
        Files.readString(launcher)
            .replaceAll("(?s)installed_jdks\\(\\) \\{.*?\\n\\}", "installed_jdks() { :; }");
    Path copy = Files.writeString(folder.resolve("longnet"), text);
    ProcessBuilder builder = new ProcessBuilder("bash", copy.toString(), "--version");
    builder.environment().keySet().removeIf(k -> k.startsWith("JAVA_HOME") || k.equals("JDK_HOME"));
    builder.environment().put("PATH", pathWithoutJava());
    builder.redirectErrorStream(true).redirectOutput(folder.resolve("said").toFile());
    assertThat(builder.start().waitFor()).isEqualTo(1);
    assertThat(Files.readString(folder.resolve("said")).lines()).hasSize(1);
    assertThat(folder.resolve("said"))
        .content()
        .startsWith("longnet: no JDK 25 found: install one");
  }

  /// The few tools the launcher uses, in a folder of their own.
  private String pathWithoutJava() throws IOException {
    Path bin = Files.createDirectories(folder.resolve("bin"));
    for (String tool : new String[] {"bash", "dirname", "readlink", "cat", "find", "head"}) {
      for (String place : new String[] {"/usr/bin/", "/bin/"}) {
        if (Files.exists(Path.of(place + tool)) && !Files.exists(bin.resolve(tool))) {
          Files.createSymbolicLink(bin.resolve(tool), Path.of(place + tool));
        }
      }
    }
    return bin.toString();
  }

  private int java(Path out, String... arguments) throws IOException, InterruptedException {
    int code = start(out, arguments).waitFor();
    assertThat(folder.resolve("err")).content().doesNotContain("\tat ");
    return code;
  }

  /// What a shell runs in the background ignores SIGINT, and so do its children, unless this stands
  /// before them.
  static List<String> heedingCtrlC() throws IOException, InterruptedException {
    List<String> env = List.of("env", "--default-signal=INT");
    boolean known =
        new ProcessBuilder(Stream.concat(env.stream(), Stream.of("true")).toList())
                .start()
                .waitFor()
            == 0;
    assumeTrue(known, "this system's env has no --default-signal");
    return env;
  }

  private Process start(Path out, String... arguments) throws IOException {
    return start(List.of(), out, arguments);
  }

  private Process start(List<String> before, Path out, String... arguments) throws IOException {
    List<String> command = new ArrayList<>(before);
    command.addAll(
        List.of(
            Path.of(System.getProperty("java.home"), "bin", "java").toString(),
            "-Xmx512m",
            "--add-modules",
            "jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-cp",
            System.getProperty("java.class.path"),
            "dev.longnet.cli.Main"));
    command.addAll(List.of(arguments));
    ProcessBuilder builder = new ProcessBuilder(command);
    return builder
        .redirectOutput(out.toFile())
        .redirectError(folder.resolve("err").toFile())
        .start();
  }
}
