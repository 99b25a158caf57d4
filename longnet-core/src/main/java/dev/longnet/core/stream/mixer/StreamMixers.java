// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.StreamablePattern;
import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.WeightReader;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// The one place that maps the configuration of a mixer to what streams it.
public final class StreamMixers {
  private final ModelConfig model;
  private final WeightReader weights;
  private final Kernels kernels;
  private final AttentionOptions options;
  private final Map<AttentionConfig, AttentionGeometry> attentions = new HashMap<>();

  private StreamMixers(
      ModelConfig model, WeightReader weights, Kernels kernels, AttentionOptions options) {
    this.model = model;
    this.weights = weights;
    this.kernels = kernels;
    this.options = options;
  }

  /// The mixers of all layers of a causal model. Layers with equal configurations share geometry.
  ///
  /// @param weights owns what is read
  public static List<StreamMixer> of(
      ModelConfig model, WeightReader weights, Kernels kernels, AttentionOptions options) {
    StreamMixers mixers = new StreamMixers(model, weights, kernels, options);
    List<StreamMixer> layers = new ArrayList<>();
    for (int layer = 0; layer < model.layers(); layer++) {
      StreamMixer mixer = mixers.of(model.mixer(layer), Blueprint.mixerPrefix(layer));
      layers.add(mixers.convolved(mixer, layer));
    }
    return layers;
  }

  /// The layer's mixer behind its short convolution, where the model has them.
  private StreamMixer convolved(StreamMixer mixer, int layer) {
    int width = Math.toIntExact(model.convolvedChannels(model.mixer(layer)));
    if (width == 0) {
      return mixer;
    }
    List<String> names = Blueprint.convolutions(model.mixer(layer), layer);
    int taps = model.shortConvolution();
    return new ConvolvedMixer(mixer, width, weights.taps(names, model.hidden(), taps), taps);
  }

  /// @param prefix of the names of the mixer's parameters
  private StreamMixer of(MixerConfig mixer, String prefix) {
    return switch (mixer) {
      case AttentionConfig attention ->
          new StreamAttention(
              attentions.computeIfAbsent(attention, this::geometry), weights, prefix);
    };
  }

  private AttentionGeometry geometry(AttentionConfig attention) {
    if (attention.pattern(true) instanceof StreamablePattern pattern) {
      return new AttentionGeometry(model, attention, pattern, kernels, AttentionKernel.of(options));
    }
    throw new IllegalArgumentException(
        "attention.type=" + attention.type() + " can't be streamed: it has no live rows");
  }
}
