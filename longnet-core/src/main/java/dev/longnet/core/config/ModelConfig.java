package dev.longnet.core.config;

import java.util.Objects;

/// The shape of a model: what `config.json` of a checkpoint holds and what its parameters' shapes
/// follow from.
///
/// @param vocabulary number of token ids
/// @param layers L
/// @param hidden embedding width, a multiple of `heads`
/// @param heads H
/// @param feedForward inner width of the feed-forward
/// @param positions position encoding of queries and keys
/// @param xposScaleBase b of xPos' decay zeta^(p / b), in tokens; 512 in the paper and in
///   torchscale
/// @param tiedOutput the output projection is the token embedding's transpose
/// @param causal decoder (true) or encoder (false)
public record ModelConfig(
    int vocabulary,
    int layers,
    int hidden,
    int heads,
    int feedForward,
    PositionEncoding positions,
    int xposScaleBase,
    boolean tiedOutput,
    boolean causal,
    AttentionConfig attention) {

  /// The paper's decay base.
  public static final int XPOS_SCALE_BASE = 512;

  /// |p'/b log zeta| beyond which a factor times an activation may leave float32's range (e^88) or
  /// its precision.
  private static final double LARGEST_EXPONENT = 64;

  /// With the paper's decay base.
  public ModelConfig(
      int vocabulary,
      int layers,
      int hidden,
      int heads,
      int feedForward,
      PositionEncoding positions,
      boolean tiedOutput,
      boolean causal,
      AttentionConfig attention) {
    this(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        positions,
        XPOS_SCALE_BASE,
        tiedOutput,
        causal,
        attention);
  }

  public ModelConfig {
    positive("vocabulary", vocabulary);
    positive("layers", layers);
    positive("hidden", hidden);
    positive("heads", heads);
    positive("feed_forward", feedForward);
    positive("xpos_scale_base", xposScaleBase);
    Objects.requireNonNull(positions, "positions");
    Objects.requireNonNull(attention, "attention");
    if (hidden % heads != 0) {
      throw new IllegalArgumentException(
          "hidden must be a multiple of heads=" + heads + ": hidden=" + hidden);
    }
    if (positions != PositionEncoding.NONE && hidden / heads % 2 != 0) {
      throw new IllegalArgumentException(
          "positions=" + positions + " needs an even head size: hidden/heads=" + hidden / heads);
    }
  }

  /// D
  public int headSize() {
    return hidden / heads;
  }

  /// The least xPos scale base whose decay stays in float32's range over `longest` positions; 1 for
  /// other encodings.
  ///
  /// @param longest a stream's may be Long.MAX_VALUE where positions repeat with the largest
  ///   segment
  public double leastScaleBase(long longest) {
    if (positions != PositionEncoding.XPOS) {
      return 1;
    }
    long span = Math.min(longest, attention.period().orElse(Long.MAX_VALUE));
    // A decoder's score carries zeta^((p - k)/b) <= 1; an encoder's also its inverse, up to the
    // whole span.
    double reach = causal ? (span + 1) / 2 : span;
    return Math.max(1, Math.ceil(-Math.log(0.4 / 1.4) * reach / LARGEST_EXPONENT));
  }

  /// The same model with another attention.
  public ModelConfig withAttention(AttentionConfig other) {
    return new ModelConfig(
        vocabulary,
        layers,
        hidden,
        heads,
        feedForward,
        positions,
        xposScaleBase,
        tiedOutput,
        causal,
        other);
  }

  private static void positive(String name, int value) {
    if (value < 1) {
      throw new IllegalArgumentException(name + " must be positive: " + name + "=" + value);
    }
  }
}
