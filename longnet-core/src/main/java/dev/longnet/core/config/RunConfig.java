// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;
import java.util.function.ToIntFunction;

/// A whole run as one typed value: what a recipe says after overrides and defaults.
///
/// @param name of the recipe; the default run directory carries it
/// @param about what the recipe is for, in a sentence or two
public record RunConfig(
    String name,
    String about,
    CorpusConfig corpus,
    ModelConfig model,
    TrainingConfig training,
    OptimizerConfig optimizer,
    ScheduleConfig schedule,
    RuntimeConfig runtime,
    CheckpointConfig checkpoint,
    EvaluationConfig evaluation,
    SampleConfig sample) {

  /// @param vocabularyOf a tokenizer's number of ids, by its name
  static RunConfig read(Section s, ToIntFunction<String> vocabularyOf) {
    String name = s.text("name", "run");
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw s.wrong("name", "must be letters, digits, '.', '_' and '-': it names a directory");
    }
    String about = s.text("about", "");
    s.require("corpus");
    s.require("model");
    s.require("training");
    CorpusConfig corpus = CorpusTree.read(s.section("corpus"));
    int words = vocabularyOf.applyAsInt(corpus.tokenizer());
    ModelConfig model = ModelTree.read(s.section("model"), words);
    if (model.vocabulary() < words) {
      throw s.section("model")
          .wrong(
              "vocabulary",
              String.format(
                  Locale.ROOT,
                  "must be at least the %d of tokenizer %s",
                  words,
                  corpus.tokenizer()));
    }
    if (!model.causal()) {
      throw s.section("model").wrong("causal", "must be true to train on next tokens");
    }
    TrainingConfig training = TrainingConfig.read(s.section("training"));
    if (training.inductionHeads() > model.heads()) {
      throw s.section("training")
          .wrong("induction_heads", "must be at most model.heads=" + model.heads());
    }
    if (training.inductionHeads() > 0 && model.shortConvolution() == 0) {
      throw s.section("training")
          .wrong("induction_heads", "must come with model.short_convolution, which delays keys");
    }
    int branches = model.branches();
    if (!training.branchStarts().isEmpty() && training.branchStarts().size() != branches) {
      throw s.section("training")
          .wrong(
              "branch_starts",
              String.format(
                  Locale.ROOT,
                  "must have one number for each of the mixers' %d branches, or be []",
                  branches));
    }
    for (MixerConfig mixer : model.mixers()) {
      int joined = training.branches(0, mixer.branches());
      for (String fault : mixer.faults(model.layers(), model.heads(), joined)) {
        String key = training.branchStarts().isEmpty() ? "windows" : "branch_starts";
        throw s.section("training").wrong(key, fault + " at the first step");
      }
    }
    training.requireBranches(s.section("training"), branches);
    OptimizerConfig optimizer = OptimizerConfig.read(s.section("optimizer"));
    ScheduleConfig schedule = ScheduleConfig.read(s.section("schedule"));
    if (schedule.warmupSteps() > training.steps()) {
      throw s.section("schedule")
          .wrong("warmup_steps", "must be at most training.steps=" + training.steps());
    }
    RuntimeConfig runtime = RuntimeConfig.read(s.section("runtime"));
    CheckpointConfig checkpoint = CheckpointConfig.read(s.section("checkpoint"));
    EvaluationConfig evaluation = EvaluationConfig.read(s.section("evaluation"), training.window());
    long longest = evaluation.lengths().stream().reduce((long) training.window(), Math::max);
    if (model.leastScaleBase(longest) > model.xposScaleBase()) {
      throw s.section("model")
          .wrong(
              "xpos_scale_base",
              String.format(
                  Locale.ROOT,
                  "must be at least %.0f for %d positions (%d overflows float32), or model.positions rope",
                  model.leastScaleBase(longest),
                  longest,
                  model.xposScaleBase()));
    }
    SampleConfig sample = SampleConfig.read(s.section("sample"));
    s.done();
    return new RunConfig(
        name,
        about,
        corpus,
        model,
        training,
        optimizer,
        schedule,
        runtime,
        checkpoint,
        evaluation,
        sample);
  }

  /// The same run of another model.
  public RunConfig withModel(ModelConfig other) {
    return new RunConfig(
        name,
        about,
        corpus,
        other,
        training,
        optimizer,
        schedule,
        runtime,
        checkpoint,
        evaluation,
        sample);
  }

  /// The same run on another corpus.
  public RunConfig withCorpus(CorpusConfig other) {
    return new RunConfig(
        name,
        about,
        other,
        model,
        training,
        optimizer,
        schedule,
        runtime,
        checkpoint,
        evaluation,
        sample);
  }

  /// The whole configuration, defaults included, as a recipe.
  public String toYaml() {
    return Recipes.toYaml(toTree());
  }

  /// The same as a tree.
  public ObjectNode toTree() {
    return RunConfigTree.write(this);
  }
}
