// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine.ParseResult;

/// What `deploy/` starts is a command of ours, and one that may be started again.
class DeployTest {
  private static final Path DEPLOY = Path.of("../deploy");

  @Test
  void theManifestsCommandsAreOurs() throws IOException {
    List<List<String>> commands = new ArrayList<>();
    try (Stream<Path> files = Files.list(DEPLOY.resolve("kubernetes"))) {
      for (Path file : files.toList()) {
        List<JsonNode> documents =
            new YAMLMapper()
                .readerFor(JsonNode.class)
                .<JsonNode>readValues(file.toFile())
                .readAll();
        for (JsonNode document : documents) {
          for (JsonNode arguments : document.findValues("args")) {
            List<String> words = new ArrayList<>();
            arguments.forEach(word -> words.add(word.asText()));
            commands.add(words);
          }
        }
      }
    }
    assertThat(commands).hasSize(3);
    commands.forEach(DeployTest::requireRestartable);
  }

  @ParameterizedTest
  @ValueSource(strings = {"slurm.sbatch", "torchrun.sh", "../docs/distributed.md"})
  void theScriptsCommandsAreOurs(String script) throws IOException {
    String text = Files.readString(DEPLOY.resolve(script)).replace("\\\n", " ");
    List<String> lines =
        text.lines().filter(line -> line.contains("./longnet train --recipe")).toList();
    assertThat(lines).hasSize(1);
    String command = lines.getFirst().replaceFirst(".*\\./longnet ", "").replace("\"", "");
    requireRestartable(List.of(command.strip().split("\\s+")));
  }

  /// The script's own words go before the user's.
  @ParameterizedTest
  @ValueSource(strings = {"spark.sh", "../docs/distributed.md"})
  void sparksExampleIsOurs(String file) throws IOException {
    List<String> lines =
        Files.readString(DEPLOY.resolve(file))
            .lines()
            .filter(line -> line.contains("deploy/spark.sh spark://"))
            .toList();
    assertThat(lines).hasSize(1);
    String[] words = lines.getFirst().replaceFirst(".*deploy/spark.sh ", "").split(" ");
    List<String> command = new ArrayList<>(List.of("train", "--ranks", words[1]));
    command.addAll(List.of(words).subList(3, words.length));
    requireRestartable(command);
    assertThat(Files.readString(DEPLOY.resolve("spark.sh")))
        .endsWith(" --ranks \"$ranks\" \"${@:4}\"\n");
  }

  @ParameterizedTest
  @ValueSource(strings = {"slurm.sbatch", "spark.sh", "torchrun.sh"})
  @EnabledOnOs({OS.LINUX, OS.MAC})
  void theScriptsAreBash(String script) throws Exception {
    Child child =
        Child.of(new ProcessBuilder("bash", "-n", DEPLOY.resolve(script).toString())).succeeds();
    assertThat(child.err()).isEmpty();
  }

  private static void requireRestartable(List<String> words) {
    ParseResult parsed = Main.commandLine().parseArgs(words.toArray(String[]::new)).subcommand();
    assertThat(parsed.commandSpec().name()).isEqualTo("train");
    assertThat(parsed.hasMatchedOption("--resume-if-begun")).isTrue();
    assertThat(parsed.hasMatchedOption("--out")).isTrue();
  }
}
