// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.evaluate.Scorer;
import dev.longnet.lm.run.Result;
import dev.longnet.lm.run.Start;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Plans, runs and resumption, with models that nobody trains.
class ReproduceTest {
  private static final Reproduce.Told SILENT =
      new Reproduce.Told("longnet reproduce", _ -> {}, TokenizationListener.NONE);

  @TempDir Path folder;

  private final FakeModels models = new FakeModels();

  private Setting setting(boolean pilot) {
    return new Setting(Scale.QUICK, 2, pilot, folder.resolve("out"));
  }

  private EvidenceSet evidence() throws IOException {
    return EvidenceSet.read(folder.resolve("evidence"));
  }

  private Reproduce reproduce(Setting setting, Reproduction... experiments) throws IOException {
    return new Reproduce(setting, List.of(experiments), evidence(), models);
  }

  @Test
  void everyRunIsCarriedOutOnceAndStaysDone() throws IOException {
    Fake trains = new Fake("trains", "trains");
    Fake measures = new Fake("measures", "trains");
    Reproduce first = reproduce(setting(false), trains, measures);
    Plan plan = first.plan(1e11);
    assertThat(plan.jobs())
        .extracting(p -> p.job().id().name() + " " + p.state())
        .containsExactly(
            "trains-quick-a-seed1 TRAIN",
            "trains-quick-a-seed2 TRAIN",
            "measures-quick-a-seed1 AFTER",
            "measures-quick-a-seed2 AFTER");
    assertThat(plan.hours()).isPositive();
    List<String> ended = new ArrayList<>();
    assertThat(first.run(plan, SILENT, () -> ended.add("one"))).isTrue();
    assertThat(ended).hasSize(4);
    assertThat(models.trained)
        .containsExactly("trains-quick-a-seed1 anew", "trains-quick-a-seed2 anew");
    assertThat(trains.prepared).isEqualTo(1);
    assertThat(measures.measured).hasSize(2);

    Plan again = reproduce(setting(false), trains, measures).plan(1e11);
    assertThat(again.open()).isEmpty();
    assertThat(again.hours()).isZero();
    assertThat(String.join("\n", again.lines())).contains("4 runs, 4 of them done");
  }

  @Test
  void aRunThatWasStoppedGoesOnInItsMiddle() throws IOException {
    Fake fake = new Fake("trains", "trains");
    models.stopAt = "trains-quick-a-seed2";
    Reproduce first = reproduce(setting(false), fake);
    assertThat(first.run(first.plan(1e11), SILENT, () -> {})).isFalse();
    assertThat(fake.measured).containsExactly("trains-quick-a-seed1");

    models.stopAt = "";
    Reproduce second = reproduce(setting(false), fake);
    Plan plan = second.plan(1e11);
    assertThat(plan.jobs())
        .extracting(Plan.Planned::state)
        .containsExactly(Plan.State.DONE, Plan.State.RESUME);
    assertThat(second.run(plan, SILENT, () -> {})).isTrue();
    assertThat(models.trained)
        .containsExactly(
            "trains-quick-a-seed1 anew",
            "trains-quick-a-seed2 anew",
            "trains-quick-a-seed2 resumed");
    assertThat(fake.measured).containsExactly("trains-quick-a-seed1", "trains-quick-a-seed2");
  }

  /// Runs of one experiment on two machines: the second learns no tokenizer of its own.
  @Test
  void theTokenizerIsLearnedOnce() throws IOException {
    Fake fake = new Fake("trains", "trains");
    fake.learns = "the first";
    models.stopAt = "trains-quick-a-seed2";
    Reproduce first = reproduce(setting(false), fake);
    first.run(first.plan(1e11), SILENT, () -> {});
    assertThat(folder.resolve("evidence/tokenizer.json")).hasContent("the first");

    models.stopAt = "";
    fake.learns = "another";
    Setting elsewhere = new Setting(Scale.QUICK, 2, false, folder.resolve("elsewhere"));
    Reproduce second = reproduce(elsewhere, fake);
    assertThat(second.run(second.plan(1e11), SILENT, () -> {})).isTrue();
    assertThat(elsewhere.tokenizer()).hasContent("the first");

    Files.writeString(elsewhere.tokenizer(), "another");
    Reproduce third = reproduce(elsewhere, new Fake("more", "more"));
    Plan plan = third.plan(1e11);
    assertThatThrownBy(() -> third.run(plan, SILENT, () -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(elsewhere.tokenizer() + " is another tokenizer than that of");
  }

  @Test
  void aTrainedModelIsNotTrainedAgain() throws IOException {
    models.fails = true;
    Fake fake = new Fake("trains", "trains");
    Reproduce first = reproduce(setting(false), fake);
    Plan plan = first.plan(1e11);
    assertThatThrownBy(() -> first.run(plan, SILENT, () -> {})).hasMessage("no model");
    models.fails = false;
    Reproduce second = reproduce(setting(false), fake);
    Plan rest = second.plan(1e11);
    assertThat(rest.jobs().getFirst().state()).isEqualTo(Plan.State.MEASURE);
    second.run(rest, SILENT, () -> {});
    assertThat(models.trained).filteredOn(t -> t.contains("seed1")).hasSize(1);
  }

  @Test
  void aPilotIsAFifthAndKeptApart() throws IOException {
    Fake fake = new Fake("trains", "trains");
    Setting pilot = setting(true);
    Reproduce reproduce = reproduce(pilot, fake);
    Plan plan = reproduce.plan(1e11);
    assertThat(plan.jobs())
        .extracting(p -> p.job().id().name())
        .containsExactly("trains-quick-pilot-a-seed1");
    RunConfig config = pilot.config(plan.jobs().getFirst().job().model().orElseThrow());
    RunConfig whole = setting(false).config(fake.recipe(setting(false), 1));
    assertThat(config.training().steps()).isEqualTo(whole.training().steps() / 5);
    assertThat(config.schedule().warmupSteps()).isEqualTo(whole.schedule().warmupSteps() / 5);
    reproduce.run(plan, SILENT, () -> {});
    assertThat(reproduce(setting(false), fake).plan(1e11).open()).hasSize(2);
  }

  @Test
  void evidenceOfAnotherRecipeIsRefused() throws IOException {
    Fake fake = new Fake("trains", "trains");
    Reproduce first = reproduce(setting(false), fake);
    first.run(first.plan(1e11), SILENT, () -> {});
    fake.change = "optimizer.learning_rate=0.5";
    Reproduce second = reproduce(setting(false), fake);
    assertThatThrownBy(() -> second.plan(1e11))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("trains-quick-a-seed1.json was measured with another recipe")
        .hasMessageContaining("optimizer.learning_rate=0.01, now 0.5");
  }

  @Test
  void aRunThatWasBegunWithAnotherRecipeIsLeftAlone() throws IOException {
    Fake fake = new Fake("trains", "trains");
    models.stopAt = "trains-quick-a-seed1";
    Reproduce first = reproduce(setting(false), fake);
    first.run(first.plan(1e11), SILENT, () -> {});
    fake.change = "model.layers=3";
    Reproduce second = reproduce(setting(false), fake);
    Plan plan = second.plan(1e11);
    assertThatThrownBy(() -> second.run(plan, SILENT, () -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("model.layers=2, now 3");
  }

  @Test
  void aRunsRecipeStandsByItself() throws IOException {
    Fake fake = new Fake("trains", "trains");
    Setting setting = setting(false);
    Reproduce reproduce = reproduce(setting, fake);
    reproduce.run(reproduce.plan(1e11), SILENT, () -> {});
    ModelRecipe recipe = fake.recipe(setting, 1);
    RunConfig alone = setting.load(setting.recipe(recipe).toString(), List.of());
    assertThat(alone).isEqualTo(setting.config(recipe));
    assertThat(evidence().find(recipe.id()).orElseThrow().recipe().toString())
        .contains("\"seed\":1")
        .doesNotContain(folder.toString());
  }

  @Test
  void lossesThatAreNotFiniteAreSaid() throws IOException {
    models.end = Result.End.NOT_FINITE;
    Reproduce reproduce = reproduce(setting(false), new Fake("trains", "trains"));
    Plan plan = reproduce.plan(1e11);
    assertThatThrownBy(() -> reproduce.run(plan, SILENT, () -> {}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("trains a, seed 1: losses are no longer finite at step 7");
  }

  /// One row, two seeds, on models of its own or another's.
  private static final class Fake implements Reproduction {
    final String name;
    final String trainer;
    final List<String> measured = new ArrayList<>();
    int prepared;

    /// A tokenizer; empty: it needs none.
    String learns = "";

    String change = "";

    Fake(String name, String trainer) {
      this.name = name;
      this.trainer = trainer;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public String about() {
      return "a test";
    }

    ModelRecipe recipe(Setting setting, long seed) {
      List<String> overrides = change.isEmpty() ? List.of() : List.of(change);
      return new ModelRecipe(setting.id(trainer, "a", seed), "evidence-quick", overrides);
    }

    @Override
    public List<Job> jobs(Setting setting) {
      return setting.seeds(9).stream()
          .map(
              seed -> new Job(setting.id(name, "a", seed), Optional.of(recipe(setting, seed)), 1e9))
          .toList();
    }

    @Override
    public void prepare(Setting setting, TokenizationListener listener) throws IOException {
      prepared++;
      if (!learns.isEmpty() && !Files.exists(setting.tokenizer())) {
        Files.createDirectories(setting.tokenizer().getParent());
        Files.writeString(setting.tokenizer(), learns);
      }
    }

    @Override
    public void measure(Setting setting, Job job, TrainedModel model, ObjectNode figures) {
      measured.add(job.id().name());
      figures.put("loss", 1);
    }

    @Override
    public Findings findings(Setting setting, EvidenceSet evidence) {
      return new Findings(List.of(), List.of(), List.of());
    }
  }

  private static final class FakeModels implements Models {
    final List<String> trained = new ArrayList<>();
    final Set<String> done = new HashSet<>();
    String stopAt = "";
    boolean fails;
    Result.End end = Result.End.FINISHED;

    @Override
    public Progress progress(RunConfig config, Path run) {
      return done.contains(config.name())
          ? Progress.TRAINED
          : Files.exists(run) ? Progress.BEGUN : Progress.NONE;
    }

    @Override
    public Result train(RunConfig config, Start start) throws IOException {
      trained.add(config.name() + (start.resume() ? " resumed" : " anew"));
      Files.createDirectories(start.run());
      Files.writeString(start.run().resolve("recipe.yaml"), config.toYaml());
      if (config.name().equals(stopAt)) {
        return new Result(Result.End.STOPPED, 3, start.run());
      }
      done.add(config.name());
      return new Result(end, 7, start.run());
    }

    @Override
    public TrainedModel open(RunConfig config, Path run) {
      if (fails) {
        throw new IllegalStateException("no model");
      }
      return new TrainedModel() {
        @Override
        public RunConfig config() {
          return config;
        }

        @Override
        public Path run() {
          return run;
        }

        @Override
        public TokenSplit heldOut() {
          throw new UnsupportedOperationException();
        }

        @Override
        public Tokenizer tokenizer() {
          throw new UnsupportedOperationException();
        }

        @Override
        public Scorer scorer() {
          throw new UnsupportedOperationException();
        }

        @Override
        public long[] expected(long[] ids, int batch, int tokens) {
          throw new UnsupportedOperationException();
        }

        @Override
        public float[] read(long[] ids) {
          throw new UnsupportedOperationException();
        }

        @Override
        public Scorer blockwise() {
          throw new UnsupportedOperationException();
        }

        @Override
        public void close() {}
      };
    }
  }
}
