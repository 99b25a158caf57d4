// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;

class MainTest {
  @TempDir Path folder;

  @Test
  void versionNamesTheBuildAndTheJvm() {
    Cli run = Cli.run("--version");
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).matches("(?s)longnet \\d+\\.\\d+\\.\\d+.*Java 25.*").doesNotContain("${");
  }

  static Stream<CommandLine> commands() {
    return everyCommand(Main.commandLine());
  }

  private static Stream<CommandLine> everyCommand(CommandLine line) {
    return Stream.concat(
        Stream.of(line),
        line.getSubcommands().values().stream().distinct().flatMap(MainTest::everyCommand));
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandHasHelpWithAnExample(CommandLine command) {
    String[] path = command.getCommandSpec().qualifiedName().split(" ");
    Object[] words = new Object[path.length];
    System.arraycopy(path, 1, words, 0, path.length - 1);
    words[path.length - 1] = "--help";
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).isZero();
    assertThat(run.out()).contains("Usage: " + command.getCommandSpec().qualifiedName());
    assertThat(String.join("\n", command.getCommandSpec().usageMessage().footer()))
        .as("examples of %s", command.getCommandSpec().qualifiedName())
        .contains("  longnet ");
    assertThat(command.getCommandSpec().usageMessage().description()).isNotEmpty();
    command
        .getCommandSpec()
        .args()
        .forEach(a ->
            assertThat(a.description())
                .as(a.paramLabel() + " of " + String.join(" ", path))
                .isNotEmpty());
  }

  @ParameterizedTest
  @MethodSource("commands")
  void everyCommandRefusesAnUnknownOptionInOneLine(CommandLine command) {
    String[] path = command.getCommandSpec().qualifiedName().split(" ");
    Object[] words = new Object[path.length];
    System.arraycopy(path, 1, words, 0, path.length - 1);
    words[path.length - 1] = "--no-such-option";
    Cli run = Cli.run(words);
    assertThat(run.exitCode()).isEqualTo(2);
    assertThat(run.err().lines()).hasSize(1);
    assertThat(run.err()).startsWith("longnet: ").contains("--help");
    assertThat(run.out()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"@@ -1,3 +1,4 @@", "@Override", "@", "\"quoted\"", "'a'", "${x}", "a,b"})
  void textsAreTakenAsTheyAre(String text) throws IOException {
    Path model = TinyCheckpoint.write(folder.resolve("model"));
    Files.writeString(folder.resolve("Override"), "a file of that name");
    Cli run = Cli.run("generate", model, "--prompt", text, "--max-tokens", 1, "--seed", 1);
    assertThat(run.exitCode()).as(run.err()).isZero();
    assertThat(run.out()).startsWith(text);
  }

  /// `longnet eval "$RUN"` of a script that did not set it meant the current directory.
  @Test
  void anEmptyPathIsAMistake() {
    Cli.refused("a path must not be empty", "eval", "");
    Cli.refused("--save-state", "generate", "run", "--save-state", "");
    Cli.refused("--prompt-file", "generate", "run", "--prompt-file=");
  }

  @Test
  void noCommandAndAnUnknownOneAreMistakes() {
    assertThat(Cli.run().exitCode()).isEqualTo(2);
    Cli unknown = Cli.run("docter");
    assertThat(unknown.exitCode()).isEqualTo(2);
    assertThat(unknown.err())
        .startsWith("longnet: unknown command 'docter', did you mean doctor")
        .endsWith("(see longnet --help)\n");
  }

  @Test
  void errorsBecomeOneLineAndAnExitCode() {
    assertThat(report(new IllegalArgumentException("steps must be positive: steps=0")))
        .isEqualTo(new Cli(2, "", "longnet: steps must be positive: steps=0\n"));
    assertThat(report(new EnvironmentException("no space\n left")))
        .isEqualTo(new Cli(1, "", "longnet: no space left\n"));
    assertThat(report(new NoSuchFileException("/x")).exitCode()).isEqualTo(2);
    assertThat(report(new UncheckedIOException(new NoSuchFileException("/x"))))
        .isEqualTo(new Cli(2, "", "longnet: no such file or directory: /x\n"));
    assertThat(report(new FileSystemException("/x", null, "No space left on device")))
        .isEqualTo(new Cli(1, "", "longnet: No space left on device: /x\n"));
    assertThat(report(new IOException("No space left on device")))
        .isEqualTo(new Cli(1, "", "longnet: No space left on device\n"));
    String remedy = ": raise the limit (ulimit -n 4096)\n";
    assertThat(report(new FileSystemException("/x", null, "Too many open files")))
        .isEqualTo(new Cli(1, "", "longnet: too many open files at /x" + remedy));
    assertThat(report(new IOException("Cannot run program, error: 24 (Too many open files)")))
        .isEqualTo(new Cli(1, "", "longnet: too many open files" + remedy));
    assertThat(
            report(new IOException("Cannot run program: Failed to exec spawn helper: code: 127")))
        .isEqualTo(
            new Cli(
                1,
                "",
                "longnet: another process can't be started: raise the limits of open files and"
                    + " processes (ulimit -n 4096, ulimit -u 4096)\n"));
    assertThat(report(new IllegalArgumentException("corrupted: a\u001b[31m\u009b0m\tb")).err())
        .isEqualTo("longnet: corrupted: a?[31m?0m b\n");
    assertThat(report(new OutOfMemoryError("Java heap space")).err())
        .isEqualTo(
            "longnet: out of memory (Java heap space): try a smaller input or LONGNET_JAVA_OPTS=-Xmx8g\n");
    assertThat(
            report(
                new RuntimeException(
                    "CUDA out of memory. Tried to allocate 12.25 GiB. GPU 0 has …\nException raised from …")))
        .isEqualTo(
            new Cli(
                1,
                "",
                "longnet: out of memory (CUDA out of memory. Tried to allocate 12.25 GiB. "
                    + "GPU 0 has …): try less at once, e.g. "
                    + "runtime.activation_checkpointing=true, a shorter training.window or a "
                    + "smaller runtime.loss_chunk\n"));
    Cli bug = report(new IllegalStateException("impossible"));
    assertThat(bug.exitCode()).isEqualTo(1);
    assertThat(bug.err()).contains("internal error").contains("at dev.longnet.cli.MainTest");
  }

  private static Cli report(Throwable e) {
    StringWriter err = new StringWriter();
    int code = Main.report(e, Main.commandLine().getCommandSpec(), new PrintWriter(err));
    return new Cli(code, "", err.toString());
  }
}
