// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.RunConfig;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TrainingBenchmarkTest {
  private static final Python NONE = Python.find("none");

  @TempDir Path folder;

  @Test
  void aRowAPrecision() throws IOException {
    Path json = folder.resolve("train.json");
    List<TrainingBenchmark.Result> shown = new ArrayList<>();
    ResultTable table =
        TrainingBenchmark.experiment(
                List.of(config("runtime.precision=fp32"), config("runtime.precision=bf16")),
                new StepTiming("steps", 1, 0.5),
                NONE,
                _ -> {},
                result -> {
                  shown.add(result);
                  // What was measured before is on the disk by now.
                  assertThat(Files.exists(json)).isEqualTo(shown.size() > 1);
                })
            .run(Measured.here("longnet bench train", List.of(1L)), Optional.of(json));
    assertThat(TableJson.read(json)).isEqualTo(table);
    assertThat(table.content().column("type")).containsExactly("fp32", "bf16");
    assertThat(DoubleStream.of(table.content().numbers("step"))).allMatch(seconds -> seconds > 0);
    assertThat(DoubleStream.of(table.content().numbers("share"))).allMatch(share -> share > 0);
    assertThat(table.content().numbers("last loss")[0])
        .isLessThan(table.content().numbers("first loss")[0]);
    assertThat(table.content().numbers("speed")[1])
        .isEqualTo(shown.getLast().tokensPerSecond())
        .isEqualTo(64 / shown.getLast().seconds());
  }

  /// Steps that lead away from the text are not training.
  @Test
  void aLossThatRisesIsNotTimed() throws IOException {
    RunConfig wild = config("optimizer.learning_rate=10");
    assertThatThrownBy(
            () -> new TrainingBenchmark(wild, new StepTiming("steps", 1, 0), NONE, _ -> {}).run())
        .isInstanceOf(IllegalStateException.class)
        .hasMessageContaining("the loss does not fall");
    assertThatThrownBy(() -> new StepTiming("steps", 0, 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("steps=0");
  }

  private RunConfig config(String override) throws IOException {
    return TinyRun.config(folder, override);
  }
}
