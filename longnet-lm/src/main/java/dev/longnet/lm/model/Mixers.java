// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.AttentionConfig;
import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.MixerConfig;
import dev.longnet.core.config.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The place that maps a configuration to its mixer. Layers of equal configuration share what
/// belongs to no layer: an attention operator, factors of positions.
final class Mixers implements AutoCloseable {
  private final Tools tools;
  private final ModelConfig config;
  private final AttentionOperator.Factory operators;
  private final Map<MixerConfig, AttentionMixer.Shared> attentions = new LinkedHashMap<>();

  Mixers(Tools tools, ModelConfig config, AttentionOperator.Factory operators) {
    this.tools = tools;
    this.config = config;
    this.operators = operators;
  }

  /// The caller closes it, before this.
  Mixer of(int layer) {
    return switch (config.mixer(layer)) {
      case AttentionConfig attention ->
          new AttentionMixer(
              tools,
              config.heads(),
              layer,
              attentions.computeIfAbsent(attention, _ -> shared(attention)),
              convolution(layer));
    };
  }

  /// The short convolution of a layer; null where the model has none.
  private @Nullable ShortConvolution convolution(int layer) {
    MixerConfig mixer = config.mixer(layer);
    return config.convolvedChannels(mixer) == 0
        ? null
        : new ShortConvolution(
            tools,
            Blueprint.convolutions(mixer, layer),
            config.hidden(),
            config.shortConvolution());
  }

  private AttentionMixer.Shared shared(AttentionConfig attention) {
    AttentionOperator operator =
        ZeroPaddedKeys.where(attention, config.causal(), operators.of(attention, config.causal()))
            .on(tools.crew());
    AttentionMixer.Shared shared =
        new AttentionMixer.Shared(
            window -> Positions.of(config, attention, window, tools.options().device()));
    shared.use(operator);
    return shared;
  }

  /// Gives back memory that attention keeps from pass to pass.
  void release() {
    attentions.values().forEach(AttentionMixer.Shared::release);
  }

  /// Frees what layers share.
  @Override
  public void close() {
    release();
    attentions.values().forEach(AttentionMixer.Shared::close);
  }
}
