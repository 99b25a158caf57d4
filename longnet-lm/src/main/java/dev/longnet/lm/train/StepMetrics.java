// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.lm.train.Ranks.StepTraffic;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

/// What one optimizer step measured.
///
/// @param step 1-based: steps done including this one
/// @param loss mean negative log-likelihood of a token, in nats; NaN or infinite on a skipped step
/// @param gradientNorm of all gradients together, before clipping
/// @param learningRate used by this step
/// @param tokens trained on so far, skipped steps included
/// @param phase of the run that this step belongs to, from 1 on
/// @param window tokens of its sequences
/// @param stepTokens tokens of this step
/// @param seconds this step took
/// @param tokensPerSecond of this step
/// @param matrixShare the model's operations a second as a share of the machine's matrix-product
///   rate
/// @param skipped the step was not applied
/// @param skippedSteps so far
/// @param traffic of this step: what all ranks together sent and how long one waited, in the mean;
///   empty where there is one rank
public record StepMetrics(
    long step,
    double loss,
    double gradientNorm,
    double learningRate,
    long tokens,
    int phase,
    int window,
    long stepTokens,
    double seconds,
    double tokensPerSecond,
    double matrixShare,
    boolean skipped,
    long skippedSteps,
    Optional<StepTraffic> traffic) {

  ObjectNode toJson() {
    ObjectNode line = MetricsLog.line("train", step);
    put(line, "loss", loss);
    put(line, "gradient_norm", gradientNorm);
    line.put("learning_rate", learningRate);
    line.put("tokens", tokens);
    line.put("phase", phase);
    line.put("window", window);
    line.put("step_tokens", stepTokens);
    line.put("seconds", seconds);
    line.put("tokens_per_second", tokensPerSecond);
    line.put("matrix_share", matrixShare);
    line.put("skipped", skipped);
    line.put("skipped_steps", skippedSteps);
    if (traffic.isPresent()) {
      StepTraffic of = traffic.get();
      line.put("bytes_sent", of.all().bytes());
      line.put("exposed_seconds", of.all().exposedSeconds());
      line.put("hidden_seconds", of.all().hiddenSeconds());
      line.put("rows_bytes_sent", of.rows().bytes());
      line.put("rows_exposed_seconds", of.rows().exposedSeconds());
      line.put("rows_hidden_seconds", of.rows().hiddenSeconds());
    }
    return line;
  }

  Map<String, Double> scalars() {
    Map<String, Double> scalars = new LinkedHashMap<>();
    scalars.put("train/loss", loss);
    scalars.put("train/gradient_norm", gradientNorm);
    scalars.put("train/learning_rate", learningRate);
    scalars.put("train/tokens", (double) tokens);
    scalars.put("train/skipped_steps", (double) skippedSteps);
    scalars.put("speed/tokens_per_second", tokensPerSecond);
    scalars.put("speed/matrix_share", matrixShare);
    traffic.ifPresent(t -> {
      scalars.put("ranks/bytes_sent", (double) t.all().bytes());
      scalars.put("ranks/exposed_seconds", t.all().exposedSeconds());
      scalars.put("ranks/hidden_seconds", t.all().hiddenSeconds());
      scalars.put("ranks/rows_bytes_sent", (double) t.rows().bytes());
      scalars.put("ranks/rows_exposed_seconds", t.rows().exposedSeconds());
      scalars.put("ranks/rows_hidden_seconds", t.rows().hiddenSeconds());
    });
    return scalars;
  }

  /// JSON has no NaN: what is not finite becomes null.
  private static void put(ObjectNode line, String key, double value) {
    if (Double.isFinite(value)) {
      line.put(key, value);
    } else {
      line.putNull(key);
    }
  }
}
