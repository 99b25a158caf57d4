// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;

/// The shape of a model: what `config.json` of a checkpoint holds and what its parameters' shapes
/// follow from.
///
/// @param vocabulary number of token ids
/// @param layers L
/// @param hidden embedding width, a multiple of `heads`
/// @param heads H
/// @param feedForward inner width of the feed-forward
/// @param activation of the feed-forward
/// @param positions position encoding of queries and keys
/// @param xposScaleBase b of xPos' decay zeta^(p / b), in tokens; 512 in the paper and in
///   torchscale
/// @param tiedOutput the output projection is the token embedding's transpose
/// @param causal decoder (true) or encoder (false)
/// @param mixers what mixes the tokens of each layer; the list repeats over the layers
public record ModelConfig(
    int vocabulary,
    int layers,
    int hidden,
    int heads,
    int feedForward,
    Activation activation,
    PositionEncoding positions,
    int xposScaleBase,
    boolean tiedOutput,
    boolean causal,
    List<MixerConfig> mixers) {

  /// The paper's decay base.
  public static final int XPOS_SCALE_BASE = 512;

  /// |p'/b log zeta| beyond which a factor times an activation may leave float32's range (e^88) or
  /// its precision.
  private static final double LARGEST_EXPONENT = 64;

  /// With GELU, the paper's decay base and one mixer for all layers.
  public ModelConfig(
      int vocabulary,
      int layers,
      int hidden,
      int heads,
      int feedForward,
      PositionEncoding positions,
      boolean tiedOutput,
      boolean causal,
      MixerConfig mixer) {
    this(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        Activation.GELU,
        positions,
        XPOS_SCALE_BASE,
        tiedOutput,
        causal,
        List.of(mixer));
  }

  public ModelConfig {
    positive("vocabulary", vocabulary);
    positive("layers", layers);
    positive("hidden", hidden);
    positive("heads", heads);
    positive("feed_forward", feedForward);
    positive("xpos_scale_base", xposScaleBase);
    Objects.requireNonNull(activation, "activation");
    Objects.requireNonNull(positions, "positions");
    mixers = List.copyOf(mixers);
    if (mixers.isEmpty() || mixers.size() > layers) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT, "mixers must be from 1 to layers=%d: %d mixers", layers, mixers.size()));
    }
    if (hidden % heads != 0) {
      throw new IllegalArgumentException(
          "hidden must be a multiple of heads=" + heads + ": hidden=" + hidden);
    }
    for (MixerConfig mixer : mixers) {
      mixer.faults(layers, heads, mixer.branches()).stream()
          .findFirst()
          .ifPresent(fault -> {
            throw new IllegalArgumentException("attention.branches " + fault);
          });
    }
    if (positions != PositionEncoding.NONE
        && mixers.stream().anyMatch(MixerConfig::usesPositions)
        && hidden / heads % 2 != 0) {
      throw new IllegalArgumentException(
          "positions=" + positions + " needs an even head size: hidden/heads=" + hidden / heads);
    }
  }

  /// D
  public int headSize() {
    return hidden / heads;
  }

  /// What mixes the tokens of a layer.
  public MixerConfig mixer(int layer) {
    return mixers.get(layer % mixers.size()).at(layer);
  }

  /// Parts of the mixers that may join while the model trains: the most any of them has.
  public int branches() {
    return mixers.stream().mapToInt(MixerConfig::branches).max().orElse(0);
  }

  /// The least xPos scale base whose decay stays in float32's range over `longest` positions; 1 for
  /// other encodings, and where no mixer uses positions.
  ///
  /// @param longest a stream's may be Long.MAX_VALUE where positions repeat
  public double leastScaleBase(long longest) {
    return IntStream.range(0, layers)
        .mapToObj(this::mixer)
        .distinct()
        .filter(MixerConfig::usesPositions)
        .mapToDouble(mixer -> leastScaleBase(longest, mixer.period()))
        .max()
        .orElse(1);
  }

  /// As [#leastScaleBase(long)] where positions begin anew after `period`.
  public double leastScaleBase(long longest, OptionalLong period) {
    if (positions != PositionEncoding.XPOS) {
      return 1;
    }
    long span = Math.min(longest, period.orElse(Long.MAX_VALUE));
    // A decoder's score carries zeta^((p - k)/b) <= 1; an encoder's also its inverse, up to the
    // whole span.
    double reach = causal ? (span + 1) / 2 : span;
    return Math.max(1, Math.ceil(-Math.log(0.4 / 1.4) * reach / LARGEST_EXPONENT));
  }

  /// The same model with one other mixer in all layers.
  public ModelConfig withMixer(MixerConfig other) {
    return withMixers(List.of(other));
  }

  /// The same model with every mixer changed.
  public ModelConfig mapMixers(UnaryOperator<MixerConfig> change) {
    return withMixers(mixers.stream().map(change).toList());
  }

  /// The same model with other mixers.
  public ModelConfig withMixers(List<MixerConfig> others) {
    return new ModelConfig(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        positions,
        xposScaleBase,
        tiedOutput,
        causal,
        others);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be positive: " + name + "=" + value);
    }
  }
}
