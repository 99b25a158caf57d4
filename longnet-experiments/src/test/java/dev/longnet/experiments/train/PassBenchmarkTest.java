// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.ModelCost;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PassBenchmarkTest {
  @TempDir Path folder;

  @Test
  void aRowAPrecisionAndKindOfPass() throws IOException {
    Path json = folder.resolve("eval.json");
    List<PassBenchmark.Result> shown = new ArrayList<>();
    ResultTable table =
        PassBenchmark.experiment(
                List.of(
                    TinyRun.config(folder, "runtime.precision=fp32"),
                    TinyRun.config(folder, "runtime.precision=bf16")),
                new StepTiming("passes", 3, 0),
                _ -> {},
                shown::add)
            .run(Measured.here("longnet bench eval", List.of(1L)), Optional.of(json));
    assertThat(TableJson.read(json)).isEqualTo(table);
    assertThat(table.content().column("type")).containsExactly("fp32", "fp32", "bf16", "bf16");
    assertThat(table.content().column("pass"))
        .containsExactly("losses", "logits", "losses", "logits");
    assertThat(DoubleStream.of(table.content().numbers("time"))).allMatch(time -> time > 0);
    assertThat(DoubleStream.of(table.content().numbers("share"))).allMatch(share -> share > 0);
    PassBenchmark.Result losses = shown.getFirst();
    PassBenchmark.Result logits = shown.get(1);
    ModelCost cost = new ModelCost(TinyRun.config(folder).model());
    assertThat(losses.sequences()).isEqualTo(8192 / 64);
    assertThat(losses.tokensPerSecond()).isEqualTo(8192 / losses.seconds());
    assertThat(logits.tokensPerSecond()).isEqualTo(64 / logits.seconds());
    assertThat(logits.flops()).isEqualTo(cost.forwardFlops(64));
    assertThat(losses.flops()).isEqualTo(128 * cost.forwardFlops(64));
  }
}
