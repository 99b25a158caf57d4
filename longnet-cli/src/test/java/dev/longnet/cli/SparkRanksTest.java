// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.AttentionChoice;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What is said between this program and Spark's driver. `RequestTest` of `longnet-spark` reads the
/// same line.
class SparkRanksTest {
  private static final Handover HANDOVER = new Handover(Path.of("/shared/my run"), true, false);
  private final ByteArrayOutputStream asked = new ByteArrayOutputStream();

  private SparkRanks ranks(String... answers) {
    return new SparkRanks(
        4,
        Duration.ofSeconds(120),
        new ByteArrayInputStream(
            String.join("", Arrays.stream(answers).map(a -> a + "\n").toList()).getBytes(UTF_8)),
        new PrintStream(asked, true, UTF_8));
  }

  @Test
  void aLineSaysWhatEveryRankIsTold() throws Exception {
    assertThat(ranks("ended 0:0 1:0").run(2, HANDOVER).exitCode()).isZero();
    assertThat(asked.toString(UTF_8))
        .isEqualTo(
            "longnet-spark:start\0"
                + "2\000125\0LONGNET_RESUME=true\0LONGNET_RUN=/shared/my run\0LONGNET_TERMINAL=false\n");
  }

  /// Executors have other directories.
  @Test
  void theRunsPathIsAbsolute() throws Exception {
    var _ = ranks("ended 0:0").run(1, new Handover(Path.of("runs", "mine"), false, false));
    assertThat(asked.toString(UTF_8))
        .contains("\0LONGNET_RUN=" + Path.of("runs", "mine").toAbsolutePath() + "\0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          ended 0:0 1:0 2:0   | 0   | false | -
          ended 1:2           | 2   | false | rank 1 of 3 ended with exit code 2; its log: the standard output of its executor
          ended 0:2           | 2   | false | -
          ended 0:1           | 1   | false | -
          ended 2:137         | 75  | true  | rank 2 of 3 was killed by signal 9; its log: the standard output of its executor
          ended 0:75          | 75  | true  | -
          ended               | 75  | true  | -
          stopped             | 130 | false | -
          ended 0:130 1:143 2:130 | 130 | false | -
          stopped 0:130 1:130 2:130 | 130 | false | -
          """)
  void theDriversAnswerIsTheEnd(String answer, int code, boolean lost, String line) {
    RanksEnd end = SparkRanks.end(3, answer, false);
    assertThat(end.exitCode()).isEqualTo(code);
    assertThat(end.lost()).isEqualTo(lost);
    assertThat(end.line().orElse(null)).isEqualTo(line);
  }

  @Test
  void anotherPortIsTriedWhereTheFirstWasTakenMeanwhile() throws Exception {
    assertThat(ranks("ended 0:76", "ended 0:0 1:0").run(2, HANDOVER).exitCode()).isZero();
    assertThat(asked.toString(UTF_8).lines()).hasSize(2);
    assertThatThrownBy(() -> ranks("ended 0:76", "ended 0:76", "ended 0:76").run(2, HANDOVER))
        .isInstanceOf(EnvironmentException.class);
  }

  @Test
  void withoutADriverTheRanksAreLost() {
    assertThatThrownBy(() -> ranks().run(2, HANDOVER)).isInstanceOf(PeerLostException.class);
  }

  @Test
  void optionsThatCannotBeOnSparkAreOneLine() {
    RankOptions options = new RankOptions();
    assertThatThrownBy(() -> SparkRanks.check(options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("--ranks must be given on Spark, it is not: ");
    options.ranks = 2;
    SparkRanks.check(options);
    options.address = "10.1.0.1";
    assertThatThrownBy(() -> SparkRanks.check(options))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("--rank-address must be left out on Spark")
        .hasMessageEndingWith(": --rank-address=10.1.0.1");
  }

  @Test
  void moreThreadsThanATaskHasCoresAreRefused() {
    for (int threads : List.of(0, 1, 4)) {
      SparkRanks.checkThreads(runtime(threads), 4);
    }
    assertThatThrownBy(() -> SparkRanks.checkThreads(runtime(5), 4))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "runtime.threads must be at most spark.task.cpus=4, the cores of a task: runtime.threads=5");
  }

  private static RuntimeConfig runtime(int threads) {
    return RuntimeConfig.of("cpu", Precision.FP32, threads, AttentionChoice.AUTO, false);
  }
}
