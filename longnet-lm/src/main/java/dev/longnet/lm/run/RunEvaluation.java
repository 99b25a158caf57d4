// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.config.EvaluationConfig;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.config.TrainingPhase;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.evaluate.EvaluationPlan;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.lm.inference.LoadedModel;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/// The evaluation at a run's end: perplexity by length, and against gzip.
///
/// @param config of the run
/// @param listener hears the numbers as they come
record RunEvaluation(RunConfig config, RunListener listener) {
  /// A run that stopped early may have branches that no step has seen, and lengths; it is measured
  /// with them all the same.
  void noteUntrained(long steps) {
    int all = config.model().branches();
    TrainingConfig training = config.training();
    long last = Math.max(0, steps - 1);
    int trained = training.branches(last, all);
    if (trained < all) {
      listener.note(
          String.format(
              Locale.ROOT,
              "stopped at step %,d, before all branches joined (%s): %d "
                  + "of %d were trained, what follows uses all",
              steps,
              training.branchStarts().isEmpty()
                  ? "training.windows"
                  : "training.branch_starts",
              trained,
              all));
    }
    int longest =
        training.phases().subList(0, training.phase(last) + 1).stream()
            .mapToInt(TrainingPhase::window)
            .max()
            .orElseThrow();
    if (longest < training.window()) {
      listener.note(
          String.format(
              Locale.ROOT,
              "stopped at step %,d, before the longest windows (training.windows): none was above "
                  + "%,d tokens, what follows looks at up to %,d",
              steps,
              longest,
              training.window()));
    }
  }

  /// Writes `evaluation.json`, where enough text is held out.
  void write(LoadedModel model, TokenSplit held, Path run) throws IOException {
    EvaluationConfig wanted = config.evaluation();
    Map<Boolean, List<Long>> fit =
        wanted.lengths().stream()
            .sorted()
            .distinct()
            .collect(Collectors.partitioningBy(l -> l < held.size()));
    List<Long> lengths = fit.getOrDefault(true, List.of());
    if (lengths.isEmpty()) {
      listener.notEvaluated(
          String.format(
              Locale.ROOT,
              "%,d held-out tokens are fewer than evaluation.lengths=%s",
              held.size(),
              wanted.lengths()));
      return;
    }
    List<Long> tooLong = fit.getOrDefault(false, List.of());
    if (!tooLong.isEmpty()) {
      listener.note(
          String.format(
              Locale.ROOT,
              "evaluation.lengths %s are left out: %,d tokens are held out",
              tooLong,
              held.size()));
    }
    EvaluationPlan plan =
        new EvaluationPlan(
            lengths,
            wanted.tokens(),
            new EvaluationPlan.CopyPlan(
                config.training().window(), wanted.copyProbe(), config.model().largestDilation()),
            config.training().window(),
            wanted.documentTokens());
    ObjectNode json =
        new Evaluator(model.scorer(), model.tokenizer()).run(held, plan, listener).toJson();
    Checkpoint checkpoint = model.checkpoint();
    json.put("checkpoint", checkpoint.directory().getFileName().toString());
    checkpoint.state().ifPresent(s -> json.put("step", s.step()));
    AtomicFiles.writeString(run.resolve("evaluation.json"), json.toPrettyString() + "\n");
  }
}
