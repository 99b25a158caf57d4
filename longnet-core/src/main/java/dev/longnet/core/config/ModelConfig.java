// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.LongToDoubleFunction;
import java.util.function.LongUnaryOperator;
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
/// @param positionsBase b of the frequencies theta_i = b^(-i / (R/2)) of the R channels that turn;
///   10,000 in the paper and in torchscale
/// @param positionsShare R / D: the share of each head's channels that turn, the first ones; the
///   others carry no position
/// @param nopeHeads so many heads of each layer, the first ones, carry no positions (NoPE,
///   Kazemnejad et al. 2023, arXiv 2305.19466): what they look for, they find from any distance
/// @param nopeScale of the factor of these heads' queries, see [#nopeFactor]; 0: none has one, as
///   where no head lacks positions among others
/// @param xposScaleBase b of xPos' decay zeta^(p / b), in tokens; 512 in the paper and in
///   torchscale
/// @param tiedOutput the output projection is the token embedding's transpose
/// @param causal decoder (true) or encoder (false)
/// @param shortConvolution taps of the causal convolution over what every mixer projects from its
///   rows ([MixerConfig#convolved()]); 0 for none
/// @param mixers what mixes the tokens of each layer; the list repeats over the layers
public record ModelConfig(
    int vocabulary,
    int layers,
    int hidden,
    int heads,
    int feedForward,
    Activation activation,
    PositionEncoding positions,
    int positionsBase,
    double positionsShare,
    int nopeHeads,
    int nopeScale,
    int xposScaleBase,
    boolean tiedOutput,
    boolean causal,
    int shortConvolution,
    List<MixerConfig> mixers) {

  /// The paper's base of frequencies.
  public static final int POSITIONS_BASE = 10_000;

  /// The paper's decay base.
  public static final int XPOS_SCALE_BASE = 512;

  /// Ten times the deepest Transformers: a damaged number must not fill the memory with parameters.
  public static final int MOST_LAYERS = 10_000;

  /// Taps of the longest short convolution.
  private static final int MOST_TAPS = 8;

  static final String TAPS_RULE = "must be 0 (none) or from 2 to " + MOST_TAPS + " taps";

  /// |p'/b log zeta| beyond which a factor times an activation may leave float32's range (e^88) or
  /// its precision.
  private static final double LARGEST_EXPONENT = 64;

  /// As the paper has it: all channels turn, by its base of frequencies, and nothing is convolved.
  public ModelConfig(
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
    this(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        positions,
        POSITIONS_BASE,
        1,
        0,
        0,
        xposScaleBase,
        tiedOutput,
        causal,
        0,
        mixers);
  }

  /// With GELU too.
  public ModelConfig(
      int vocabulary,
      int layers,
      int hidden,
      int heads,
      int feedForward,
      PositionEncoding positions,
      int xposScaleBase,
      boolean tiedOutput,
      boolean causal,
      List<MixerConfig> mixers) {
    this(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        Activation.GELU,
        positions,
        xposScaleBase,
        tiedOutput,
        causal,
        mixers);
  }

  /// With the paper's decay base too, and one mixer for all layers.
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
    if (layers > MOST_LAYERS) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "layers must be at most %d: layers=%d", MOST_LAYERS, layers));
    }
    positive("hidden", hidden);
    positive("heads", heads);
    positive("feed_forward", feedForward);
    positive("xpos_scale_base", xposScaleBase);
    if (positionsBase < 2) {
      throw new IllegalArgumentException(
          "positions_base must be at least 2: positions_base=" + positionsBase);
    }
    if (shortConvolution != 0 && !causal) {
      throw new IllegalArgumentException(
          "short_convolution looks back, so it needs causal=true: short_convolution="
              + shortConvolution);
    }
    if (!isTaps(shortConvolution)) {
      throw new IllegalArgumentException(
          "short_convolution " + TAPS_RULE + ": short_convolution=" + shortConvolution);
    }
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
    if (nopeHeads < 0 || nopeHeads > heads) {
      throw new IllegalArgumentException(
          "nope_heads must be from 0 to heads=" + heads + ": nope_heads=" + nopeHeads);
    }
    Optional<String> scale = scaleFault(nopeScale, causal);
    if (scale.isPresent()) {
      throw new IllegalArgumentException("nope_scale " + scale.get() + ": nope_scale=" + nopeScale);
    }
    if (nopeHeads == 0 || positions == PositionEncoding.NONE) {
      nopeScale = 0;
    }
    if (positions != PositionEncoding.NONE
        && mixers.stream().anyMatch(MixerConfig::usesPositions)) {
      if (hidden / heads % 2 != 0) {
        throw new IllegalArgumentException(
            "positions=" + positions + " needs an even head size: hidden/heads=" + hidden / heads);
      }
      if (!isShare(positionsShare, hidden / heads)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "positions_share %s: positions_share=%s",
                shareRule(hidden / heads),
                positionsShare));
      }
    }
  }

  static boolean isTaps(int taps) {
    return taps == 0 || taps >= 2 && taps <= MOST_TAPS;
  }

  static String shareRule(int headSize) {
    return String.format(
        Locale.ROOT,
        "must leave an even number of a head's %d channels that turn, at least 2",
        headSize);
  }

  /// Whether a share is that of an even number of channels; thirds need not be exact.
  static boolean isShare(double share, int headSize) {
    int turned = turned(share, headSize);
    return turned >= 2 && turned <= headSize && Math.abs(share * headSize - turned) <= 0.01;
  }

  private static int turned(double share, int headSize) {
    return 2 * (int) Math.round(share * headSize / 2);
  }

  /// D
  public int headSize() {
    return hidden / heads;
  }

  /// Pairs of each head's channels, whether they turn or not.
  public int pairs() {
    return headSize() / 2;
  }

  /// Radians that a pair of channels turns by from one position to the next; 0 where it does not
  /// turn.
  public double theta(int pair) {
    int turned = turned(positionsShare, headSize()) / 2;
    return pair < turned ? Math.pow(positionsBase, -(double) pair / turned) : 0;
  }

  /// The logarithm of what xPos multiplies a pair by from one position to the next; 0 where it does
  /// not turn.
  public double logDecay(int pair) {
    int turned = turned(positionsShare, headSize()) / 2;
    return pair < turned ? Math.log((pair + 0.4 * turned) / (1.4 * turned)) / xposScaleBase : 0;
  }

  /// Channels that the short convolution of a layer passes over.
  public long convolvedChannels(MixerConfig mixer) {
    return shortConvolution == 0 ? 0 : (long) mixer.convolved().size() * hidden;
  }

  /// What mixes the tokens of a layer.
  public MixerConfig mixer(int layer) {
    return mixers.get(layer % mixers.size()).at(layer);
  }

  /// Parts of the mixers that may join while the model trains: the most any of them has.
  public int branches() {
    return mixers.stream().mapToInt(MixerConfig::branches).max().orElse(0);
  }

  /// r of the branch that skips most, in any layer; 1 where none skips.
  public int largestDilation() {
    return mixers.stream().mapToInt(MixerConfig::largestDilation).max().orElse(1);
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

  /// What is wrong with a scale of heads without positions; empty where nothing is.
  static Optional<String> scaleFault(int scale, boolean causal) {
    if (scale == 0) {
      return Optional.empty();
    }
    if (scale < 2) {
      return Optional.of("must be 0 (none) or at least 2");
    }
    return causal
        ? Optional.empty()
        : Optional.of("counts earlier tokens, so it needs causal=true");
  }

  /// What the queries of heads without positions are multiplied by at a position: ln(n + 1) /
  /// ln(nopeScale), where n is [MixerConfig#tokensShown()]. So what wins among few keys wins among
  /// many (scalable softmax, Nakanishi 2025, arXiv 2501.19399). 1 where the model has no such
  /// scale.
  public LongToDoubleFunction nopeFactor(MixerConfig mixer) {
    if (nopeScale == 0) {
      return _ -> 1;
    }
    LongUnaryOperator shown = mixer.tokensShown();
    double one = Math.log(nopeScale);
    return position -> Math.log(shown.applyAsLong(position) + 1.0) / one;
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
    return changed(positionsBase, positionsShare, nopeHeads, nopeScale, shortConvolution, others);
  }

  /// The same model with other frequencies.
  ///
  /// @param base of the frequencies
  /// @param share of each head's channels that turn
  public ModelConfig withPositions(int base, double share) {
    return changed(base, share, nopeHeads, nopeScale, shortConvolution, mixers);
  }

  /// The same model with so many heads of each layer that carry no positions.
  ///
  /// @param scale of their queries' factor, see [#nopeFactor]; 0 for none
  public ModelConfig withNopeHeads(int free, int scale) {
    return changed(positionsBase, positionsShare, free, scale, shortConvolution, mixers);
  }

  /// The same model with a short convolution of so many taps; 0 for none.
  public ModelConfig withShortConvolution(int taps) {
    return changed(positionsBase, positionsShare, nopeHeads, nopeScale, taps, mixers);
  }

  private ModelConfig changed(
      int base, double share, int free, int scale, int taps, List<MixerConfig> others) {
    return new ModelConfig(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        activation,
        positions,
        base,
        share,
        free,
        scale,
        xposScaleBase,
        tiedOutput,
        causal,
        taps,
        others);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be positive: " + name + "=" + value);
    }
  }
}
