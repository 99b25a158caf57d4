// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.train.AloneRank;
import dev.longnet.lm.train.Ranks;
import dev.longnet.lm.train.StepMetrics;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// A run as a program calls it that is no command line.
class TrainingTest {
  private static final String RECIPE =
      """
      name: tiny
      corpus: {sources: ['%s'], tokenizer: bytes, validation: 0.3}
      model:
        layers: 1
        hidden: 32
        heads: 4
        attention: {type: dilated, segment_lengths: [16, 64], dilations: [1, 4]}
      training: {window: 64, steps: 6}
      schedule: {warmup_steps: 2}
      evaluation: {every_steps: 3, every_tokens: 256, lengths: [16, 64], tokens: 512}
      sample: {tokens: 4}
      """;

  @TempDir Path directory;
  private TinyRecipe recipe;

  @BeforeEach
  void corpus() throws IOException {
    recipe = TinyRecipe.write(directory, RECIPE);
  }

  private RunConfig config(String... overrides) throws IOException {
    return recipe.config(overrides);
  }

  @Test
  void theListenerHearsEverythingInOrder() throws IOException {
    Heard heard = new Heard(0);
    RunConfig config = config();
    Path run = directory.resolve("run");
    Result result = Training.run(config, Start.anew(run), Parts.of(config, heard, "a test"));
    assertThat(result).isEqualTo(new Result(Result.End.FINISHED, 6, run));
    assertThat(heard.events)
        .containsExactly(
            "forecast",
            "duration",
            "corpus",
            "training from 0",
            "step 1",
            "step 2",
            "step 3",
            "validation 3",
            "step 4",
            "step 5",
            "step 6",
            "validation 6",
            "checkpoint 6",
            "trained 6",
            "scored 16",
            "scored 64",
            "documents",
            "sample",
            "report");
    assertThat(run.resolve("environment.json")).content().contains("\"longnet\" : \"a test\"");
  }

  @Test
  void aStopSavesWhatAResumedRunFinishes() throws IOException {
    RunConfig config = config();
    Path run = directory.resolve("run");
    Result stopped =
        Training.run(config, Start.anew(run), Parts.of(config, new Heard(2), "a test"));
    assertThat(stopped).isEqualTo(new Result(Result.End.STOPPED, 2, run));
    assertThat(run.resolve("report.html")).doesNotExist();
    Heard heard = new Heard(0);
    Result resumed = Training.run(config, Start.resumed(run), Parts.of(config, heard, "a test"));
    assertThat(resumed.end()).isEqualTo(Result.End.FINISHED);
    assertThat(heard.events).contains("resumed from 2", "step 3", "report");
  }

  @Test
  void trainingEvaluationAndSampleUseTheOperatorsTheyAreHanded() throws IOException {
    RunConfig config = config("evaluation.every_steps=0");
    AttentionOperator.Factory real = AttentionOperators.factory(config.runtime());
    AtomicInteger made = new AtomicInteger();
    AttentionOperator.Factory counting =
        (attention, causal) -> {
          made.incrementAndGet();
          return real.of(attention, causal);
        };
    Training.run(
        config,
        Start.anew(directory.resolve("run")),
        new Parts(counting, config.runtime(), Ranks.one(), new RunListener() {}, "a test"));
    assertThat(made).hasValue(3);
  }

  @Test
  void aRankThatDoesNotWriteLeavesTheDirectoryToTheOneThatDoes() throws IOException {
    RunConfig config = config();
    Path run = directory.resolve("run");
    try (RunDirectory ofTheWriter = RunDirectory.create(run)) {
      Result result =
          Training.run(
              config,
              Start.anew(run),
              new Parts(
                  AttentionOperators.factory(config.runtime()),
                  config.runtime(),
                  new SilentRank(),
                  new RunListener() {},
                  "a test"));
      assertThat(result.end()).isEqualTo(Result.End.FINISHED);
      assertThat(ofTheWriter.path().toFile().list()).containsExactly(".lock");
    }
  }

  /// It is alone, and does not write.
  private static final class SilentRank extends AloneRank {
    @Override
    public boolean writes() {
      return false;
    }
  }

  @Test
  void aNewRunIsNotResumed() throws IOException {
    RunConfig config = config();
    Path run = directory.resolve("run");
    Training.run(config, Start.anew(run), Parts.of(config, new RunListener() {}, "a test"));
    assertThatThrownBy(
            () -> Training.run(config, Start.anew(run), Parts.of(config, new Heard(0), "a test")))
        .hasMessageEndingWith(
            "holds a run already: continue it with resume, or name another directory with run");
  }

  /// Writes down what it hears, and asks for a stop after a step.
  private static final class Heard implements RunListener {
    private final List<String> events = new ArrayList<>();
    private final long stopAfter;
    private Optional<Runnable> stop = Optional.empty();

    Heard(long stopAfter) {
      this.stopAfter = stopAfter;
    }

    @Override
    public void forecast(RunConfig config, Forecast forecast) {
      events.add("forecast");
    }

    @Override
    public void duration(RunConfig config, double seconds, double matrixFlops) {
      assertThat(seconds).isPositive();
      events.add("duration");
    }

    @Override
    public void corpus(TokenShards shards) {
      events.add("corpus");
    }

    @Override
    public void training(Path run, long step, boolean resumed, Runnable request) {
      stop = Optional.of(request);
      events.add((resumed ? "resumed from " : "training from ") + step);
    }

    @Override
    public void step(StepMetrics metrics) {
      events.add("step " + metrics.step());
      if (metrics.step() == stopAfter) {
        stop.orElseThrow().run();
      }
    }

    @Override
    public void validation(long step, double loss, int window) {
      events.add("validation " + step);
    }

    @Override
    public void checkpoint(long step, Path saved) {
      events.add("checkpoint " + step);
    }

    @Override
    public void trained(Path run, long step, boolean stopped) {
      events.add("trained " + step);
    }

    @Override
    public void scored(Evaluation.AtLength at) {
      events.add("scored " + at.length());
    }

    @Override
    public void scored(Evaluation.Documents documents) {
      events.add("documents");
    }

    @Override
    public void sample(String text) {
      events.add("sample");
    }

    @Override
    public void report(Path report) {
      events.add("report");
    }
  }
}
