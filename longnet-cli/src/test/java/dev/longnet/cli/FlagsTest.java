// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.FieldMessage;
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

/// Libraries name fields, the command line its flags.
class FlagsTest {
  private static final Pattern LITERAL = Pattern.compile("\"(?:[^\"\\\\]|\\\\.)*\"");
  private static final Pattern FLAG = Pattern.compile("--[a-z][a-z-]*");

  /// The JVM's own flags are nobody's fields.
  private static final Set<String> JVM = Set.of("--add-modules", "--enable-native-access");

  @ParameterizedTest
  @CsvSource({
    "tokenizer, bytes, --tokenizer=bytes",
    "trainedLength,, --trained-length",
    "run,, --out",
    "training.sequences, 1, --set training.sequences=1",
    "corpus.sources,, --corpus",
    "resume,, --resume",
    "resume, runs/a, longnet train --resume --out runs/a",
    "noFlagSetsThis, 3, noFlagSetsThis=3",
  })
  void aFieldIsWhatAPersonTypes(String name, String value, String expected) {
    Field field = value == null ? Field.of(name) : Field.of(name, value);
    assertThat(Flags.of(field)).isEqualTo(expected);
  }

  @Test
  void errorsAreSaidInFlags() {
    assertThat(said(new FieldException("%s must be 1: %s", Field.of("seed"), Field.of("seed", 2))))
        .isEqualTo("2 longnet: --seed must be 1: --seed=2\n");
    assertThat(
            said(
                new EnvironmentException(
                    FieldMessage.of("no room: try %s", Field.of("checkpoint.keep", 1)))))
        .isEqualTo("1 longnet: no room: try --set checkpoint.keep=1\n");
  }

  private static String said(RuntimeException error) {
    StringWriter err = new StringWriter();
    int code = Main.report(error, new PrintWriter(err, true));
    return code + " " + err.toString().replace(System.lineSeparator(), "\n");
  }

  @Test
  void everyFlagThatIsSaidExists() {
    assertThat(Flags.OTHERS.values())
        .allSatisfy(said -> {
          List<String> words = List.of(said.split(" "));
          CommandLine line = Main.commandLine();
          if (words.getFirst().equals("longnet")) {
            assertThat(commands(line)).contains(words.get(1));
            line = line.getSubcommands().get(words.get(1));
          }
          assertThat(Flags.all(line))
              .containsAll(words.stream().filter(word -> word.startsWith("-")).toList());
        });
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
              FLAG.matcher(literal.group()).results().anyMatch(f -> !JVM.contains(f.group()));
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
