// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.HashMap;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/// What a model costs, counted from its configuration: parameters and floating-point operations.
///
/// A multiply-add counts as two operations. Attention is counted by the query-key pairs that exist:
/// 4 D operations a pair and head forward, 2.5 times that backward (the flash backward computes the
/// scores again). A short convolution is counted by its taps. Embedding look-ups, normalisation,
/// GELU and softmax are not counted.
public record ModelCost(ModelConfig model) {

  /// All parameters, norms and biases included.
  public long parameters() {
    return Blueprint.of(model).elements();
  }

  /// Operations of one forward pass over one sequence.
  ///
  /// @param tokens N
  public double forwardFlops(long tokens) {
    return linearFlops(tokens)
        + sum(mixer -> convolutionFlops(mixer, tokens) + mixer.mixingFlops(model, tokens));
  }

  /// Operations of a forward pass that each token needs by itself: products with matrices and short
  /// convolutions, but nothing between tokens. Backward they are twice as many.
  public double tokenwiseFlops(long tokens) {
    return linearFlops(tokens) + sum(mixer -> convolutionFlops(mixer, tokens));
  }

  /// Operations of one forward and backward pass over one sequence; what activation checkpointing
  /// computes twice is counted once.
  ///
  /// @param tokens N
  public double trainingFlops(long tokens) {
    return 3 * linearFlops(tokens)
        + sum(mixer ->
            3 * convolutionFlops(mixer, tokens) + mixer.mixingTrainingFlops(model, tokens));
  }

  private double convolutionFlops(MixerConfig mixer, long tokens) {
    return 2.0 * model.shortConvolution() * model.convolvedChannels(mixer) * tokens;
  }

  /// Every matrix multiplies every token once, but for an embedding that is not tied: it is looked
  /// up.
  private double linearFlops(long tokens) {
    double weights = 0;
    for (Parameter parameter : Blueprint.of(model).parameters()) {
      weights += parameter.matrix() ? parameter.elements() : 0;
    }
    double lookedUp = model.tiedOutput() ? 0 : (double) model.vocabulary() * model.hidden();
    return 2 * (weights - lookedUp) * tokens;
  }

  private double sum(ToDoubleFunction<MixerConfig> flops) {
    Map<MixerConfig, Double> each = new HashMap<>();
    double sum = 0;
    for (int layer = 0; layer < model.layers(); layer++) {
      sum += each.computeIfAbsent(model.mixer(layer), flops::applyAsDouble);
    }
    return sum;
  }
}
