package dev.longnet.lm.config;

/// A whole run as one typed value: what a recipe says after overrides and defaults.
///
/// @param name of the recipe; the default run directory carries it
/// @param about what the recipe is for, in a sentence or two
public record RunConfig(
    String name,
    String about,
    ModelConfig model,
    TrainingConfig training,
    OptimizerConfig optimizer,
    ScheduleConfig schedule,
    RuntimeConfig runtime,
    CheckpointConfig checkpoint,
    EvaluationConfig evaluation,
    SampleConfig sample) {

  static RunConfig read(Section s) {
    String name = s.text("name", "run");
    if (!name.matches("[A-Za-z0-9][A-Za-z0-9._-]*")) {
      throw s.wrong("name", "must be letters, digits, '.', '_' and '-': it names a directory");
    }
    String about = s.text("about", "");
    s.require("model");
    s.require("training");
    ModelConfig model = ModelTree.read(s.section("model"), 257);
    TrainingConfig training = TrainingConfig.read(s.section("training"));
    OptimizerConfig optimizer = OptimizerConfig.read(s.section("optimizer"));
    ScheduleConfig schedule = ScheduleConfig.read(s.section("schedule"));
    if (schedule.warmupSteps() > training.steps()) {
      throw s.section("schedule").wrong("warmup_steps", "must be at most training.steps=" + training.steps());
    }
    RuntimeConfig runtime = RuntimeConfig.read(s.section("runtime"));
    CheckpointConfig checkpoint = CheckpointConfig.read(s.section("checkpoint"));
    EvaluationConfig evaluation = EvaluationConfig.read(s.section("evaluation"), training.window());
    SampleConfig sample = SampleConfig.read(s.section("sample"));
    s.done();
    return new RunConfig(
        name, about, model, training, optimizer, schedule, runtime, checkpoint, evaluation, sample);
  }
}
