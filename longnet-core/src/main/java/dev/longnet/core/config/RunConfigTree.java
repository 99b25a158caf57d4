// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.Locale;

/// A run's configuration as YAML with every key: what stands in a run's directory, and what
/// `--resume` reads.
final class RunConfigTree {
  private RunConfigTree() {}

  static ObjectNode write(RunConfig run) {
    ObjectNode tree = JsonNodeFactory.instance.objectNode();
    tree.put("name", run.name());
    tree.put("about", run.about());
    tree.set("corpus", CorpusTree.write(run.corpus()));
    tree.set("model", ModelTree.writeAll(run.model()));
    TrainingConfig t = run.training();
    ObjectNode training = tree.putObject("training");
    if (t.windows().isEmpty()) {
      training.put("window", t.window());
    } else {
      t.windows().forEach(phase -> write(training.withArray("windows").addObject(), phase));
    }
    training
        .put("sequences", t.sequences())
        .put("batch_tokens", t.batchTokens())
        .put("steps", t.steps())
        .put("max_steps", t.maxSteps())
        .put("max_minutes", t.maxMinutes())
        .put("gradient_clip", t.gradientClip())
        .put("skip_limit", t.skipLimit())
        .put("seed", t.seed())
        .put("induction_heads", t.inductionHeads())
        .put("virtual_shards", t.virtualShards());
    t.branchStarts().forEach(training.putArray("branch_starts")::add);
    OptimizerConfig o = run.optimizer();
    tree.putObject("optimizer")
        .put("rule", lower(o.rule()))
        .put("learning_rate", o.learningRate())
        .put("beta1", o.beta1())
        .put("beta2", o.beta2())
        .put("epsilon", o.epsilon())
        .put("weight_decay", o.weightDecay());
    ScheduleConfig s = run.schedule();
    tree.putObject("schedule")
        .put("decay", lower(s.decay()))
        .put("warmup_steps", s.warmupSteps())
        .put("power", s.power())
        .put("final_fraction", s.finalFraction());
    RuntimeConfig r = run.runtime();
    tree.putObject("runtime")
        .put("device", r.device())
        .put("precision", lower(r.precision()))
        .put("threads", r.threads())
        .put("attention_kernel", lower(r.attentionKernel()))
        .put("activation_checkpointing", r.activationCheckpointing())
        .put("token_chunk", r.tokenChunk())
        .put("loss_chunk", r.lossChunk())
        .put("shard_parameters", r.shardParameters());
    CheckpointConfig c = run.checkpoint();
    tree.putObject("checkpoint")
        .put("every_steps", c.everySteps())
        .put("every_minutes", c.everyMinutes())
        .put("keep", c.keep());
    EvaluationConfig e = run.evaluation();
    ObjectNode evaluation = tree.putObject("evaluation");
    evaluation.put("every_steps", e.everySteps()).put("every_tokens", e.everyTokens());
    e.lengths().forEach(evaluation.putArray("lengths")::add);
    evaluation
        .put("tokens", e.tokens())
        .put("copy_probe", e.copyProbe())
        .put("document_tokens", e.documentTokens());
    SampleConfig sample = run.sample();
    tree.putObject("sample")
        .put("prompt", sample.prompt())
        .put("tokens", sample.tokens())
        .put("temperature", sample.temperature())
        .put("top_k", sample.topK())
        .put("top_p", sample.topP())
        .put("seed", sample.seed());
    return tree;
  }

  private static void write(ObjectNode section, TrainingPhase phase) {
    section
        .put("until", phase.until())
        .put("window", phase.window())
        .put("sequences", phase.sequences())
        .put("batch_tokens", phase.batchTokens())
        .put("learning_rate_factor", phase.learningRateFactor());
    phase.branches().ifPresent(branches -> section.put("branches", branches));
  }

  private static String lower(Enum<?> constant) {
    return constant.name().toLowerCase(Locale.ROOT);
  }
}
