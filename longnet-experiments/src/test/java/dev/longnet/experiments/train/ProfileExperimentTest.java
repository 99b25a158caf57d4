// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.RunConfig;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ProfileExperimentTest {
  @TempDir Path folder;

  @Test
  void partsAddUpToTheStepAndBranchesHaveNames() throws IOException {
    Path json = folder.resolve("profile.json");
    List<ProfileExperiment.Result> shown = new ArrayList<>();
    ResultTable table =
        ProfileExperiment.experiment(
                List.of(TinyRun.config(folder, "runtime.precision=bf16")),
                new StepTiming("steps", 2, 0.5),
                _ -> {},
                shown::add)
            .run(Measured.here("longnet bench train --profile", List.of(1L)), Optional.of(json));
    assertThat(TableJson.read(json)).isEqualTo(table);
    assertThat(table.name()).isEqualTo("profile");
    List<String> parts = table.content().column("part");
    assertThat(parts)
        .contains(
            "attention",
            "attention: w 16, r 1, forward",
            "attention: w 64, r 4, backward",
            "optimizer")
        .endsWith("everything else");
    double[] shares = table.content().numbers("share");
    double[] times = table.content().numbers("time");
    double share = 0;
    double time = 0;
    for (int i = 0; i < shares.length; i++) {
      if (!parts.get(i).startsWith("attention: ")) {
        share += shares[i];
        time += times[i];
      }
    }
    assertThat(share).isCloseTo(100, within(1e-6));
    assertThat(time).isCloseTo(shown.getFirst().stepMilliseconds(), within(1e-6));
  }

  @Test
  void mistakesAreNamed() throws IOException {
    RunConfig gpu = TinyRun.config(folder, "runtime.device=cuda");
    assertThatThrownBy(() ->
            ProfileExperiment.experiment(
                List.of(gpu), new StepTiming("steps", 1, 0), _ -> {}, _ -> {}))
        .hasMessageContaining("runtime.device must be cpu for a profile");
    assertThatThrownBy(() -> new StepTiming("steps", 0, 0)).hasMessageContaining("steps=0");
  }
}
