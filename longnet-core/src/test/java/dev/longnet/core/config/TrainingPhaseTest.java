// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TrainingPhaseTest {
  private static final String RECIPE =
      """
      corpus: {sources: [src], tokenizer: bytes}
      model:
        layers: 2
        hidden: 64
        heads: 4
        attention: {type: dilated, segment_lengths: [64, 256], dilations: [1, 4]}
      training: {window: 256, steps: 10}
      """;

  @TempDir Path directory;

  private RunConfig config(String... overrides) throws IOException {
    Path file = Files.writeString(directory.resolve("r.yaml"), RECIPE);
    return Recipes.load(file.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }

  private TrainingConfig windows(String windows, String... more) throws IOException {
    List<String> all = new ArrayList<>(List.of("training.windows=" + windows));
    all.addAll(List.of(more));
    return config(all.toArray(String[]::new)).training();
  }

  @Test
  void aPhaseHasTheLongestOnesTokensUnlessItSaysOtherwise() throws IOException {
    TrainingConfig training =
        windows(
            "[{until: 0.3, window: 64}, {until: 0.6, window: 128, sequences: 1, "
                + "batch_tokens: 512, learning_rate_factor: 0.5}, {window: 512}]",
            "training.sequences=2");
    assertThat(training.window()).isEqualTo(512);
    assertThat(training.phases())
        .containsExactly(
            new TrainingPhase(0.3, 64, 16, 1024, 1, OptionalInt.empty()),
            new TrainingPhase(0.6, 128, 1, 512, 0.5, OptionalInt.empty()),
            new TrainingPhase(1, 512, 2, 1024, 1, OptionalInt.empty()));
    assertThat(training.phases().get(1).passes()).isEqualTo(4);
    assertThat(training.phases().get(1).windows()).isEqualTo(4);
    RunConfig run = config("training.windows=[{until: 0.3, window: 64}, {window: 512}]");
    assertThat(run.evaluation().lengths()).containsExactly(512L);
  }

  @Test
  void stepsBelongToPhases() throws IOException {
    TrainingConfig training =
        windows("[{until: 0.25, window: 64}, {until: 0.7, window: 128}, {window: 256}]");
    int[] phases = new int[10];
    for (int step = 0; step < 10; step++) {
      phases[step] = training.phase(step);
    }
    assertThat(phases).containsExactly(0, 0, 0, 1, 1, 1, 1, 2, 2, 2);
    assertThat(training.phase(10)).as("after the last step").isEqualTo(2);
    assertThat(List.of(training.steps(0), training.steps(1), training.steps(2)))
        .containsExactly(3L, 4L, 3L);
    TrainingConfig plain = config().training();
    assertThat(plain.phases()).hasSize(1);
    assertThat(plain.phase(9)).isZero();
    assertThat(plain.steps(0)).isEqualTo(10);
  }

  @Test
  void aPhaseWithoutStepsIsPassedOver() throws IOException {
    TrainingConfig training =
        windows("[{until: 0.41, window: 64}, {until: 0.5, window: 128}, {window: 256}]");
    assertThat(training.phase(4)).isZero();
    assertThat(training.phase(5)).isEqualTo(2);
    assertThat(training.steps(1)).isZero();
  }

  @Test
  void branchesJoinByPhase() throws IOException {
    TrainingConfig training = windows("[{until: 0.5, window: 64, branches: 1}, {window: 256}]");
    assertThat(training.branches(4, 2)).isEqualTo(1);
    assertThat(training.branches(5, 2)).isEqualTo(2);
  }

  @Test
  void aWrittenRecipeReadsBackTheSame() throws IOException {
    RunConfig run =
        config(
            "training.windows=[{until: 0.3, window: 64, branches: 1}, "
                + "{window: 256, learning_rate_factor: 0.5}]");
    Path written = Files.writeString(directory.resolve("w.yaml"), run.toYaml());
    assertThat(Recipes.load(written.toString(), List.of(), Tokenizers::vocabularySize))
        .isEqualTo(run);
    assertThat(config().toYaml()).as("as before there were phases").doesNotContain("windows");
    TrainingConfig again =
        Recipes.load(written.toString(), List.of("training.window=128"), Tokenizers::vocabularySize)
            .training();
    assertThat(again.windows()).isEmpty();
    TrainingConfig dense =
        Recipes.load(
                written.toString(),
                List.of("model.attention.type=dense"),
                Tokenizers::vocabularySize)
            .training();
    assertThat(dense.windows()).allSatisfy(phase -> assertThat(phase.branches()).isEmpty());
  }

  @Test
  void theForecastKnowsThePhases() throws IOException {
    RunConfig plain = config();
    RunConfig run =
        config("training.windows=[{until: 0.5, window: 64, batch_tokens: 512}, {window: 256}]");
    Forecast whole = Forecast.of(plain.model(), plain.training(), plain.runtime());
    Forecast phased = Forecast.of(run.model(), run.training(), run.runtime());
    assertThat(phased.totalTokens()).isEqualTo(5 * 512 + 5 * 256);
    double half =
        Forecast.of(
                config("training.window=64").model(),
                config("training.window=64").training(),
                plain.runtime())
            .flopsPerToken();
    assertThat(phased.flopsPerToken())
        .isCloseTo((2 * half + whole.flopsPerToken()) / 3, within(1e-6 * half));
    assertThat(phased.activationBytes())
        .as("256 tokens a pass in both")
        .isEqualTo(whole.activationBytes());
    RunConfig large =
        config(
            "training.windows=[{until: 0.5, window: 64, sequences: 8, batch_tokens: 512}, {window: 256}]");
    assertThat(Forecast.of(large.model(), large.training(), large.runtime()).activationBytes())
        .isGreaterThan(whole.activationBytes());
    RunConfig short3 =
        config(
            "training.windows=[{until: 0.5, window: 64, batch_tokens: 512}, {window: 256}]",
            "training.max_steps=3");
    assertThat(Forecast.of(short3.model(), short3.training(), short3.runtime()).totalTokens())
        .isEqualTo(3 * 512);
    TrainingCost cost = new TrainingCost(run.model(), run.training());
    assertThat(cost.stepsLeft(9)).isCloseTo(1, within(1e-9));
    assertThat(cost.stepsLeft(10)).isZero();
    assertThat(cost.stepsLeft(5))
        .as("five steps of 256 tokens, in steps of 512 shorter ones")
        .isCloseTo(5 * 256 * whole.flopsPerToken() / (512 * half), within(1e-6));
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          [{until: 0.5, window: 64}, {until: 0.5, window: 128}, {window: 256}] | training.windows[1].until must be above the 0.5 of the phase before and below 1: training.windows[1].until=0.5 (override)
          [{until: 0, window: 64}, {window: 256}] | training.windows[0].until must be above 0 and below 1: training.windows[0].until=0 (override)
          [{window: 64}, {window: 256}] | training.windows[0].until is missing (override)
          [{until: 0.5, window: 64}, {until: 0.9, window: 256}] | training.windows[1].until must be 1 in the last phase, or absent: training.windows[1].until=0.9 (override)
          [{until: 0.5, window: 1}, {window: 256}] | training.windows[0].window must be a whole number of at least 2: training.windows[0].window=1 (override)
          [{until: 0.5}, {window: 256}] | training.windows[0].window is missing (override)
          [{until: 0.5, window: 64, batch_tokens: 100}, {window: 256}] | training.windows[0].batch_tokens must be a multiple of window x sequences = 64: training.windows[0].batch_tokens=100 (override)
          [{until: 0.5, window: 60}, {window: 256}] | training.windows[0].batch_tokens must be given where training.batch_tokens=256 is no multiple of window x sequences = 240: training.windows[0].batch_tokens=nothing (override)
          [{until: 0.5, window: 64, learning_rate: 0.1}, {window: 256}] | unknown key training.windows[0].learning_rate; known here: window, until, batch_tokens, sequences, learning_rate_factor, branches (override)
          [{until: 0.5, window: 64, branches: 3}, {window: 256}] | training.windows[0].branches must be at most the 2 of the mixers: training.windows[0].branches=3 (override)
          [{until: 0.5, window: 64}, {window: 256, branches: 1}] | training.windows[1].branches must not be below the 2 of the phase before: training.windows[1].branches=1 (override)
          [{until: 0.5, window: 64, branches: 1}, {window: 256, branches: 1}] | training.windows[1].branches must be all 2 in the last phase: training.windows[1].branches=1 (override)
          [64, 256] | training.windows must be a list of sections: training.windows=[64,256] (override)
          7 | training.windows must be a list: training.windows=7 (override)
          """)
  void mistakesNameThePhase(String windows, String message) {
    assertThatThrownBy(() -> windows(windows))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  @Test
  void twoWaysToSayTheSameAreRefused() throws IOException {
    assertThatThrownBy(() ->
            windows(
                "[{until: 0.5, window: 64, branches: 1}, {window: 256}]",
                "training.branch_starts=[0, 0.5]"))
        .hasMessageContaining(
            "training.branch_starts must be [] where training.windows name branches");
    Path both =
        Files.writeString(
            directory.resolve("both.yaml"),
            RECIPE.replace("window: 256,", "window: 256, windows: [{window: 256}],"));
    assertThatThrownBy(() -> Recipes.load(both.toString(), List.of(), Tokenizers::vocabularySize))
        .hasMessageContaining("training.window must not stand beside training.windows");
  }
}
