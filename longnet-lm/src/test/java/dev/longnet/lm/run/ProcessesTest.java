// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;

class ProcessesTest {
  private static RunConfig config(int virtualShards, int threads) throws Exception {
    return Recipes.load(
        "quickstart",
        List.of("training.virtual_shards=" + virtualShards, "runtime.threads=" + threads),
        Tokenizers::vocabularySize);
  }

  @Test
  void oneProcessComputesAsTheRecipeSays() throws Exception {
    assertThat(Processes.ONE.mesh(config(0, 0))).isEqualTo(RankMesh.ONE);
    assertThat(Processes.ONE.runtime(config(0, 0)).threads()).isZero();
    assertThat(Processes.ONE.together(config(0, 0), 2)).isEqualTo(1);
    assertThat(Processes.ONE.together(config(0, 1), 2)).isEqualTo(1);
    assertThat(Processes.ONE.together(config(0, 8), 2)).isEqualTo(1);
  }

  /// Eight ranks of a thread on two cores are as fast as two.
  @Test
  void ranksTogetherAreAsFastAsTheirCores() throws Exception {
    assertThat(Processes.ONE.together(config(8, 0), 2)).isEqualTo(2);
    assertThat(Processes.ONE.together(config(8, 0), 16)).isEqualTo(8);
    assertThat(new Processes(2, 2, 1, 0).together(config(8, 0), 2)).isEqualTo(2);
    assertThat(new Processes(2, 2, 1, 0).together(config(0, 2), 2)).isEqualTo(1);
    assertThat(new Processes(2, 2, 1, 0).together(config(0, 0), 2)).isEqualTo(2);
    assertThat(new Processes(4, 1, 16, 0).together(config(0, 0), 16)).isEqualTo(4);
    // Bound to cores of its own each, as tasks of srun are.
    assertThat(new Processes(4, 4, 2, 0).together(config(8, 0), 2)).isEqualTo(8);
  }

  /// The program is there once a process, the weights once a rank.
  @Test
  void memoryIsThatOfAllRanksOfTheMachine() throws Exception {
    RunConfig config = config(8, 0);
    Processes processes = new Processes(4, 2, 1, 0);
    Forecast rank =
        Forecast.of(config.model(), config.training(), config.runtime(), processes.mesh(config));
    long own = rank.memoryBytes() - Forecast.PROGRAM_BYTES;
    assertThat(processes.ranksHere(config)).isEqualTo(4);
    assertThat(processes.memoryBytes(config, rank)).isEqualTo(4 * own + 2 * Forecast.PROGRAM_BYTES);
    assertThatThrownBy(() ->
            rank.requireMemory(
                3 * own + 2 * Forecast.PROGRAM_BYTES,
                4,
                2,
                config.model(),
                config.training(),
                config.runtime()))
        .hasMessageStartingWith("the 4 ranks of this machine need about ")
        .hasMessageContaining("fewer ranks on this machine");
  }

  @Test
  void oneRankDividesNoSequence() throws Exception {
    RunConfig config = config(0, 1);
    Parts parts = Parts.of(config, new RunListener() {}, "a test");
    assertThatThrownBy(() -> Training.run(config, Start.anew(Path.of("none")), parts, 2))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(
            "sequenceRanks must come with several ranks or training.virtual_shards: sequenceRanks=2");
    assertThat(Path.of("none")).doesNotExist();
  }

  /// In every phase, also one that begins late.
  @Test
  void refusesMeshesThatLeaveRanksWithoutWork() throws Exception {
    RunConfig config =
        Recipes.load(
            "quickstart",
            List.of(
                "training.window=null",
                "training.batch_tokens=4096",
                "training.windows=[{until: 0.5, window: 512}, {window: 2048}]"),
            Tokenizers::vocabularySize);
    new RankMesh(4, 2).requireWork(config.training());
    assertThatThrownBy(() -> new RankMesh(4, 1).requireWork(config.training()))
        .hasMessage(
            "training.windows[1].batch_tokens must be at least 8192, a window for each of the 4 groups of ranks: training.windows[1].batch_tokens=4096");
    assertThatThrownBy(() -> new RankMesh(1024, 1024).requireWork(config.training()))
        .hasMessage(
            "training.windows[0].window must be at least 1024, a token for each of the ranks that share a window: training.windows[0].window=512");
  }
}
