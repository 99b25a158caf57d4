// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class SettingsTest {
  @TempDir Path checkout;

  @BeforeEach
  void launcher() throws IOException {
    assertThat(Files.createFile(checkout.resolve("longnet")).toFile().setExecutable(true)).isTrue();
  }

  private Settings settings(String words) {
    return Settings.of(conf(words), Optional.of(checkout), checkout);
  }

  /// `a=1` is `spark.a=1`.
  private static Map<String, String> conf(String words) {
    Map<String, String> conf = new TreeMap<>();
    Arrays.stream(words.split(" "))
        .filter(word -> !word.isEmpty())
        .map(word -> word.split("=", 2))
        .forEach(pair -> conf.put("spark." + pair[0], pair[1]));
    return conf;
  }

  @Test
  void argumentsArePassedOnAsTheyAre() {
    Settings settings = settings("task.cpus=4 executor.cores=8 speculation=true");
    assertThat(
            TrainOnSpark.command(settings, "--ranks", "2", "--set", "corpus.sources=['my code']"))
        .containsExactly(
            checkout.resolve("longnet").toString(),
            "train",
            "--ranks",
            "2",
            "--set",
            "corpus.sources=['my code']");
    assertThat(settings.directory()).isEqualTo(checkout.toString());
    assertThat(settings.taskCpus()).isEqualTo(4);
  }

  /// Expected: the tasks that may run at once, `-` where the configuration does not say.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          -                                              | -
          task.cpus=4                                    | -
          executor.instances=3                           | -
          cores.max=9 task.cpus=4                        | 2
          executor.instances=3 executor.cores=9 task.cpus=4 | 6
          executor.instances=3 executor.cores=9 task.cpus=4 cores.max=16 | 4
          executor.instances=3 executor.cores=9 task.cpus=4 cores.max=64 | 6
          """)
  void slotsAreCountedAsFarAsTheConfigurationTells(String words, Long slots) {
    Settings settings = settings(words == null ? "" : words);
    assertThat(settings.slots().map(Settings.Slots::number).orElse(null)).isEqualTo(slots);
    if (slots == null) {
      assertThat(settings.tooMany(1_000)).isEmpty();
    } else {
      assertThat(settings.tooMany(slots.intValue())).isEmpty();
      assertThat(settings.tooMany(slots.intValue() + 1))
          .get()
          .asString()
          .startsWith(
              "--ranks must be at most the tasks that Spark can run at once, " + slots + " (")
          .endsWith("): --ranks=" + (slots + 1));
    }
  }

  @Test
  void tooFewSlotsAreExplained() {
    assertThat(settings("executor.instances=2 executor.cores=8 task.cpus=5").tooMany(4))
        .hasValue(
            "--ranks must be at most the tasks that Spark can run at once, 2 (spark.executor.instances=2, "
                + "spark.executor.cores=8, spark.task.cpus=5): --ranks=4");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          dynamicAllocation.enabled=true   | spark.dynamicAllocation.enabled must be false: ranks are a fixed number of tasks, and Spark runs no barrier stage with it: spark.dynamicAllocation.enabled=true
          executor.cores=2 task.cpus=4     | spark.executor.cores must be at least spark.task.cpus=4, the cores of a rank: spark.executor.cores=2
          task.cpus=0                      | spark.task.cpus must be a whole number of at least 1: spark.task.cpus=0
          executor.cores=many              | spark.executor.cores must be a whole number of at least 1: spark.executor.cores=many
          longnet.command=/nowhere/longnet | spark.longnet.command must be a program that driver and executors see: spark.longnet.command=/nowhere/longnet
          longnet.directory=/nowhere       | spark.longnet.directory must be a directory that driver and executors see: spark.longnet.directory=/nowhere
          """)
  void whatCannotBeIsOneLine(String words, String message) {
    assertThatThrownBy(() -> settings(words))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void aJarOutsideOfACheckoutNeedsToBeToldOfOne() {
    assertThatThrownBy(() -> Settings.of(Map.of(), Optional.empty(), checkout))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "spark.longnet.command must name the launcher longnet of a checkout that every executor sees, it is not set");
  }
}
