// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;

/// Libraries name fields, the command line its flags.
class FlagsTest {
  private static final Pattern LITERAL = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");
  private static final Pattern FLAG = Pattern.compile("--[a-z][a-z0-9_-]*");

  /// The flags of the JVM and of libtorch are nobody's fields.
  private static final Set<String> OTHERS =
      Set.of("--add-modules", "--enable-native-access", "--caffe2_log_level");

  @ParameterizedTest
  @CsvSource({
    "import torchscale, tokenizer, bytes, --tokenizer=bytes",
    "eval, tokenizer,, longnet import torchscale --tokenizer",
    "import torchscale, trainedLength,, --trained-length",
    "eval, trainedLength,, trainedLength",
    "train, run,, --out",
    "train, bind,, --rank-address",
    "eval, run,, run",
    "train, training.sequences, 1, --set training.sequences=1",
    "eval, training.sequences, 1, training.sequences=1",
    "train, corpus.sources,, --corpus",
    "eval, corpus.sources,, --corpus",
    "generate, corpus.sources,, corpus.sources",
    "train, resume,, --resume",
    "eval, resume,, longnet train --resume",
    "train, resume, runs/a, longnet train --resume --out runs/a",
    "train, verify,, longnet inspect --verify",
    "inspect, verify,, --verify",
    "train, noFlagSetsThis, 3, noFlagSetsThis=3",
  })
  void aFieldIsWhatAPersonTypesForTheRunningCommand(
      String command, String name, String value, String expected) {
    Field field = value == null ? Field.of(name) : Field.of(name, value);
    assertThat(new Flags(spec(command)).of(field)).isEqualTo(expected);
  }

  /// @param command such as `import torchscale`
  private static CommandSpec spec(String command) {
    CommandLine line = Main.commandLine();
    for (String word : command.split(" ")) {
      assertThat(commands(line)).contains(word);
      line = line.getSubcommands().get(word);
    }
    return line.getCommandSpec();
  }

  @Test
  void errorsAreSaidInFlags() {
    assertThat(
            said(
                "generate",
                new FieldException("%s must be 1: %s", Field.of("seed"), Field.of("seed", 2))))
        .isEqualTo("2 longnet: --seed must be 1: --seed=2\n");
    assertThat(
            said(
                "train",
                new EnvironmentException(
                    FieldMessage.of("no room: try %s", Field.of("checkpoint.keep", 1)))))
        .isEqualTo("1 longnet: no room: try --set checkpoint.keep=1\n");
    assertThat(
            said(
                "train",
                new PeerLostException(
                    FieldMessage.of(
                        "rank 1 gave up: %s (%s)", Field.of("resume", "a"), Field.of("timeout")),
                    null)))
        .isEqualTo("75 longnet: rank 1 gave up: longnet train --resume --out a (--rank-timeout)\n");
  }

  private static String said(String command, RuntimeException error) {
    StringWriter err = new StringWriter();
    int code = Main.report(error, spec(command), new PrintWriter(err, true));
    return code + " " + err.toString().replace(System.lineSeparator(), "\n");
  }

  @Test
  void everyFlagThatIsSaidExists() {
    assertThat(Flags.RENAMED.values()).allMatch(all(Main.commandLine())::contains);
    assertThat(Flags.COMMANDS.values())
        .allSatisfy(said -> {
          String[] commandAndFlag = said.split(" (?=--)");
          assertThat(spec(commandAndFlag[0].replaceFirst("^longnet ", "")).optionsMap().keySet())
              .containsAll(List.of(commandAndFlag).subList(1, commandAndFlag.length));
        });
  }

  /// Every option of a command and of those below it.
  private static Set<String> all(CommandLine command) {
    Set<String> names = new TreeSet<>(command.getCommandSpec().optionsMap().keySet());
    command.getSubcommands().values().forEach(below -> names.addAll(all(below)));
    return names;
  }

  @ParameterizedTest
  @ValueSource(strings = {"longnet-core", "longnet-lm"})
  void librariesNameNoFlagAndNoCommand(String module) throws IOException {
    List<Path> sources;
    try (Stream<Path> files = Files.walk(Path.of("..", module, "src", "main", "java"))) {
      sources = files.filter(f -> f.toString().endsWith(".java")).toList();
    }
    assertThat(sources).hasSizeGreaterThan(20);
    Pattern command =
        Pattern.compile(
            "longnet (" + String.join("|", commands(Main.commandLine())) + ")(?![a-z])");
    Set<String> found = new TreeSet<>();
    for (Path source : sources) {
      for (String line : Files.readAllLines(source)) {
        Matcher literal = LITERAL.matcher(line.strip().startsWith("//") ? "" : line);
        while (literal.find()) {
          boolean flag =
              FLAG.matcher(literal.group()).results().anyMatch(f -> !OTHERS.contains(f.group()));
          if (flag || command.matcher(literal.group()).find()) {
            found.add(source + ": " + literal.group());
          }
        }
      }
    }
    assertThat(found).isEmpty();
  }

  private static Set<String> commands(CommandLine line) {
    return line.getSubcommands().keySet();
  }
}
