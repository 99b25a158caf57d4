// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.EvaluationConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.evaluate.EvaluationPlan;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.lm.inference.DecoderScorer;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.CheckpointTensors;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;

/// The evaluation at a run's end: perplexity by length, and against gzip. All ranks make it
/// together, with the weights of the newest checkpoint.
///
/// @param config of the run
/// @param parts whose listener hears the numbers as they come
record RunEvaluation(RunConfig config, Parts parts) {
  /// Writes `evaluation.json`, where enough text is held out. Called on all ranks; one of them sees
  /// the run's directory and gives the others its weights, and needs none of them when this
  /// returns.
  void run(Tokenizer tokenizer, TokenSplit held, Path run) throws IOException {
    Optional<Checkpoint> checkpoint =
        parts.ranks().writes() ? Optional.of(Checkpoint.resolve(run)) : Optional.empty();
    checkpoint.flatMap(Checkpoint::state).ifPresent(state -> noteUntrained(state.step()));
    Optional<EvaluationPlan> plan = plan(held);
    if (plan.isEmpty()) {
      parts.ranks().needNoOther();
      return;
    }
    ObjectNode json;
    try (Decoder model = model(checkpoint);
        TorchThreads _ = model.threads()) {
      json =
          new Evaluator(new DecoderScorer(model, parts.ranks()), tokenizer)
              .run(held, plan.get(), parts.listener())
              .toJson();
    }
    parts.ranks().needNoOther();
    if (checkpoint.isPresent()) {
      json.put("checkpoint", checkpoint.get().directory().getFileName().toString());
      checkpoint.get().state().ifPresent(s -> json.put("step", s.step()));
      AtomicFiles.writeString(run.resolve("evaluation.json"), json.toPrettyString() + "\n");
    }
  }

  private Decoder model(Optional<Checkpoint> checkpoint) throws IOException {
    try (TorchThreads _ = Torch.threads(parts.runtime().threads())) {
      Decoder model =
          Decoder.create(
              config.model(),
              ModelOptions.of(parts.runtime()).withActivationCheckpointing(false),
              parts.operators(),
              0,
              parts.ranks().shards(),
              null);
      try {
        if (checkpoint.isPresent()) {
          CheckpointTensors.load(checkpoint.get(), model);
        }
        parts.ranks().spread(model.memory().valueMemory());
      } catch (IOException | RuntimeException | Error e) {
        model.close();
        throw e;
      }
      return model;
    }
  }

  /// A run that stopped early may have branches that no step has seen, and lengths; it is measured
  /// with them all the same.
  private void noteUntrained(long steps) {
    int all = config.model().branches();
    TrainingConfig training = config.training();
    long last = Math.max(0, steps - 1);
    int trained = training.branches(last, all);
    if (trained < all) {
      parts
          .listener()
          .note(
              String.format(
                  Locale.ROOT,
                  "stopped at step %,d, before all branches joined (%s): %d "
                      + "of %d were trained, what follows uses all",
                  steps,
                  training.branchStarts().isEmpty() ? "training.windows" : "training.branch_starts",
                  trained,
                  all));
    }
    int longest =
        training.phases().subList(0, training.phase(last) + 1).stream()
            .mapToInt(TrainingPhase::window)
            .max()
            .orElseThrow();
    if (longest < training.window()) {
      parts
          .listener()
          .note(
              String.format(
                  Locale.ROOT,
                  "stopped at step %,d, before the longest windows (training.windows): none was above "
                      + "%,d tokens, what follows looks at up to %,d",
                  steps,
                  longest,
                  training.window()));
    }
  }

  /// Empty where too little text is held out.
  private Optional<EvaluationPlan> plan(TokenSplit held) {
    EvaluationConfig wanted = config.evaluation();
    Map<Boolean, List<Long>> fit =
        wanted.lengths().stream()
            .sorted()
            .distinct()
            .collect(Collectors.partitioningBy(l -> l < held.size()));
    List<Long> lengths = fit.getOrDefault(true, List.of());
    if (lengths.isEmpty()) {
      parts
          .listener()
          .notEvaluated(
              String.format(
                  Locale.ROOT,
                  "%,d held-out tokens are fewer than evaluation.lengths=%s",
                  held.size(),
                  wanted.lengths()));
      return Optional.empty();
    }
    List<Long> tooLong = fit.getOrDefault(false, List.of());
    if (!tooLong.isEmpty()) {
      parts
          .listener()
          .note(
              String.format(
                  Locale.ROOT,
                  "evaluation.lengths %s are left out: %,d tokens are held out",
                  tooLong,
                  held.size()));
    }
    return Optional.of(
        new EvaluationPlan(
            lengths,
            wanted.tokens(),
            new EvaluationPlan.CopyPlan(
                config.training().window(), wanted.copyProbe(), config.model().largestDilation()),
            config.training().window(),
            wanted.documentTokens()));
  }
}
