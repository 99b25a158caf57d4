// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.plan.Calibration;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import java.io.File;
import java.io.IOException;
import java.net.URI;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RanksBenchmarkTest {
  @TempDir Path folder;

  /// Two processes exchange and train a tiny model, and compute what one process computes. A plan
  /// takes what was measured.
  @Test
  @Tag("slow")
  void measuresWhatAPlanTakes() throws Exception {
    List<String> progress = new ArrayList<>();
    RanksBenchmark benchmark =
        new RanksBenchmark(
            new RanksBenchmark.Settings(2, 512, 64, 2, 1, 1 << 20, classPath()), progress::add);
    Path json = folder.resolve("here.json");
    ResultTable table =
        benchmark.experiment().run(Measured.here("a test", List.of(1L)), Optional.of(json));
    assertThat(json).isNotEmptyFile();
    assertThat(progress).contains("2 processes with a thread each");
    assertThat(table.content().column("what"))
        .contains("fold forward", "fold backward", "exchange", "model products", "ranks");
    assertThat(Arrays.stream(table.content().numbers("value")).min().orElse(0)).isPositive();
    assertThat(table.content().notes().getLast()).startsWith("Losses of the first 3 steps");
    RunConfig config = recipe();
    Calibration calibration = CalibrationTable.calibration(table, config.model(), config.runtime());
    assertThat(calibration.link().bytesPerSecond()).isPositive();
    assertThat(calibration.rates().folds()).hasSizeGreaterThan(1);
    assertThat(CalibrationTable.threads(table)).isEqualTo(1);
  }

  private RunConfig recipe() throws IOException {
    return Recipes.load(
        new ProbeRecipe(512, 64, 1, 1).write(folder).toString(),
        List.of(),
        Tokenizers::vocabularySize);
  }

  @Test
  void refusesWhatItCannotMeasure() {
    assertThatThrownBy(() -> new RanksBenchmark.Settings(1, 512, 64, 2, 1, 1 << 20, ""))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("ranks must be at least 2: ranks=1");
    assertThatThrownBy(() ->
            new RanksBenchmark(
                new RanksBenchmark.Settings(2, 512, 65, 2, 1, 1 << 20, ""), line -> {}))
        .hasMessageContaining("hidden must be a multiple of 64");
  }

  /// A rank that fails ends the measurement with what it said.
  @Test
  void aRankThatFailsSaysWhy() {
    ProbeProcesses group = new ProbeProcesses(folder, classPath());
    assertThatThrownBy(() -> group.run(1, List.of("dance")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("rank 0 ended with code 1")
        .hasMessageContaining("dance");
  }

  /// This test's, whoever runs it: Maven, an IDE, JUnit's console.
  private static String classPath() {
    if (RanksBenchmarkTest.class.getClassLoader() instanceof URLClassLoader loader) {
      List<String> paths = new ArrayList<>();
      for (URL url : loader.getURLs()) {
        paths.add(Path.of(URI.create(url.toString())).toString());
      }
      return String.join(File.pathSeparator, paths);
    }
    return System.getProperty("java.class.path");
  }
}
