// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.experiments.results.Measured;
import dev.longnet.lm.run.Result;
import dev.longnet.lm.run.Start;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/// Carries out the runs of some experiments, each once, and keeps what they left. Every run that is
/// finished stays finished: a later call, on any machine that has the evidence, goes on behind it.
public final class Reproduce {
  /// Operations a second that a training reaches on an H100 in bfloat16: RESULTS.md, *On a GPU*.
  static final double H100_FLOPS = 1.02e14;

  /// Share of the matrix-product rate that the operator alone reaches.
  private static final double MEASURING = 0.8;

  private static final ObjectMapper JSON = new ObjectMapper();

  private final Setting setting;
  private final Collection<Reproduction> experiments;
  private final EvidenceSet evidence;
  private final Models models;

  /// What it tells while it works.
  ///
  /// @param command as it was typed
  /// @param progress takes lines
  /// @param tokenization hears of tokenizers and corpora that are made
  public record Told(
      String command, Consumer<String> progress, TokenizationListener tokenization) {}

  /// @param experiments in the order in which they are wanted
  public Reproduce(
      Setting setting, Collection<Reproduction> experiments, EvidenceSet evidence, Models models) {
    this.setting = setting;
    this.experiments = List.copyOf(experiments);
    this.evidence = evidence;
    this.models = models;
  }

  /// Says what is there and what is left; trains and writes nothing.
  ///
  /// @param matrixFlops this machine's matrix-product rate, FLOP/s
  /// @throws IllegalArgumentException when evidence was made with another recipe
  public Plan plan(double matrixFlops) throws IOException {
    Map<RunId, Job> jobs = new LinkedHashMap<>();
    for (Reproduction experiment : experiments) {
      for (Job job : experiment.jobs(setting)) {
        jobs.putIfAbsent(job.id(), job);
      }
    }
    Set<RunId> trainedBefore = new HashSet<>();
    List<Plan.Planned> planned = new ArrayList<>();
    for (Job job : jobs.values()) {
      planned.add(planned(job, matrixFlops, trainedBefore));
    }
    return new Plan(setting, planned);
  }

  private Plan.Planned planned(Job job, double matrixFlops, Set<RunId> trainedBefore)
      throws IOException {
    if (job.model().isEmpty()) {
      boolean done = evidence.find(job.id()).isPresent();
      double rate = setting.scale() == Scale.GPU ? H100_FLOPS : matrixFlops * MEASURING;
      double hours = done ? 0 : job.flops() / rate / 3600;
      Plan.State state = done ? Plan.State.DONE : Plan.State.MEASURE;
      return new Plan.Planned(job, state, hours, 0, job.flops());
    }
    ModelRecipe recipe = job.model().get();
    RunConfig config = setting.config(recipe);
    requireSameRecipe(job, config);
    Forecast forecast = Forecast.of(config.model(), config.training(), config.runtime());
    double training = forecast.totalTokens() * forecast.flopsPerToken();
    Plan.State state = state(job, recipe, config, trainedBefore);
    double left =
        switch (state) {
          case DONE -> 0;
          case MEASURE, AFTER -> job.flops();
          // How far it is stands in its checkpoint: this is an upper bound.
          case RESUME, TRAIN -> training + job.flops();
        };
    double rate =
        setting.scale() == Scale.GPU
            ? H100_FLOPS
            : matrixFlops * Forecast.efficiency(config.model(), config.runtime());
    return new Plan.Planned(
        job, state, left / rate / 3600, forecast.totalTokens(), training + job.flops());
  }

  private Plan.State state(Job job, ModelRecipe recipe, RunConfig config, Set<RunId> trainedBefore)
      throws IOException {
    if (evidence.find(job.id()).isPresent()) {
      return Plan.State.DONE;
    }
    return switch (models.progress(config, setting.run(recipe))) {
      case TRAINED -> Plan.State.MEASURE;
      case BEGUN -> trainedBefore.add(recipe.id()) ? Plan.State.RESUME : Plan.State.AFTER;
      case NONE -> trainedBefore.add(recipe.id()) ? Plan.State.TRAIN : Plan.State.AFTER;
    };
  }

  private void requireSameRecipe(Job job, RunConfig config) {
    Optional<String> other =
        evidence
            .find(job.id())
            .flatMap(e -> Evidence.difference(e.recipe(), Evidence.portable(config)));
    if (other.isPresent()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "%s was measured with another recipe (%s): move it away to measure it again",
              evidence.file(job.id()),
              other.get()));
    }
  }

  /// Carries out what is left of a plan.
  ///
  /// @param after called when a run left its evidence
  /// @return false where a run was asked to stop: it is saved, and a later call goes on with it
  public boolean run(Plan plan, Told told, Runnable after) throws IOException {
    Set<String> prepared = new HashSet<>();
    List<Plan.Planned> open = plan.open();
    for (int i = 0; i < open.size(); i++) {
      Job job = open.get(i).job();
      told.progress.accept(
          String.format(Locale.ROOT, "run %d of %d: %s", i + 1, open.size(), job.id()));
      Reproduction experiment = experiment(job.id());
      if (prepared.add(experiment.name())) {
        evidence.bringTokenizer(setting.tokenizer());
        experiment.prepare(setting, told.tokenization);
        evidence.keepTokenizer(setting.tokenizer());
        writeRecipes(plan, experiment.name());
      }
      if (!run(job, experiment, told)) {
        return false;
      }
      after.run();
    }
    return true;
  }

  /// Every recipe of an experiment stands by itself from its first run on.
  private void writeRecipes(Plan plan, String experiment) throws IOException {
    for (Plan.Planned planned : plan.jobs()) {
      RunId id = planned.job().id();
      if (id.experiment().equals(experiment) && planned.job().model().isPresent()) {
        ModelRecipe recipe = planned.job().model().get();
        AtomicFiles.writeString(setting.recipe(recipe), setting.config(recipe).toYaml());
      }
    }
  }

  private Reproduction experiment(RunId id) {
    return experiments.stream()
        .filter(e -> e.name().equals(id.experiment()))
        .findFirst()
        .orElseGet(() -> Reproductions.named(id.experiment()));
  }

  private boolean run(Job job, Reproduction experiment, Told told) throws IOException {
    ObjectNode figures = JSON.createObjectNode();
    ObjectNode portable = JSON.createObjectNode();
    double seconds = 0;
    long begun = System.nanoTime();
    if (job.model().isEmpty()) {
      experiment.measure(setting, job, figures);
    } else {
      ModelRecipe recipe = job.model().get();
      RunConfig config = setting.config(recipe);
      if (!train(recipe, config)) {
        return false;
      }
      begun = System.nanoTime();
      told.progress.accept("measuring " + job.id());
      try (TrainedModel model = models.open(config, setting.run(recipe))) {
        experiment.measure(setting, job, model, figures);
      }
      portable = Evidence.portable(config);
      if (job.id().equals(recipe.id())) {
        seconds = figures.path("training_seconds").asDouble();
      }
    }
    seconds += (System.nanoTime() - begun) / 1e9;
    Measured measured = Measured.here(told.command, List.of(job.id().seed()));
    evidence.add(new Evidence(job.id(), measured, seconds / 3600, portable, figures));
    return true;
  }

  /// @return whether the model is trained to its end
  private boolean train(ModelRecipe recipe, RunConfig config) throws IOException {
    Path run = setting.run(recipe);
    Models.Progress progress = models.progress(config, run);
    if (progress != Models.Progress.NONE) {
      requireOwnRun(run, config);
    }
    if (progress == Models.Progress.TRAINED) {
      return true;
    }
    Start start = progress == Models.Progress.BEGUN ? Start.resumed(run) : Start.anew(run);
    Result result = models.train(config, start);
    return switch (result.end()) {
      case FINISHED -> true;
      case STOPPED -> false;
      case NOT_FINITE ->
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT,
                  "%s: losses are no longer finite at step %d (%s)",
                  recipe.id(),
                  result.step(),
                  run));
    };
  }

  /// A run that was begun with another recipe is somebody's: it is neither mixed nor deleted.
  private static void requireOwnRun(Path run, RunConfig config) throws IOException {
    RunConfig then =
        Recipes.load(
            run.resolve("recipe.yaml").toString(), List.of(), _ -> config.model().vocabulary());
    RunConfig now = config.withCorpus(config.corpus().absolute());
    Optional<String> other = Evidence.difference(Evidence.portable(then), Evidence.portable(now));
    if (other.isPresent()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a run with another recipe (%s) was begun there: move it away, or name another folder: %s",
              other.get(),
              run));
    }
  }
}
