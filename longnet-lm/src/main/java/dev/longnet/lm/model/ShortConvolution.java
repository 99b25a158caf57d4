// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.List;
import java.util.Locale;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// A causal convolution over time of what a mixer projects from its rows, channel by channel
/// (docs/longnet.md, section 6), fused with the rotation that follows. Sequences of a batch know
/// nothing of one another; in front of a sequence nothing counts.
///
/// A tile's first rows need rows of the tile before it, and backward its last ones rows of the tile
/// after it. So it goes from one buffer to another: forward from what was projected, which is kept,
/// to what attends; backward from the gradient of that to the place of what was kept.
final class ShortConvolution {
  private final Tools tools;
  private final Rowwise rowwise;
  private final List<String> weights;
  private final int parts;
  private final long hidden;
  private final int count;

  /// @param weights parameters [C, 1, K] that the blueprint stacks, in the order in which their
  ///   channels lie in a row
  /// @param hidden C
  /// @param count K
  ShortConvolution(Tools tools, List<String> weights, long hidden, int count) {
    this.tools = tools;
    this.rowwise = tools.rowwise();
    this.weights = weights;
    this.parts = weights.size();
    this.hidden = hidden;
    this.count = count;
  }

  /// @throws IllegalArgumentException where a span lacks rows that its own rows need
  void requireWhole(Span span) {
    if (span.first() != 0 || span.tokens() != span.window()) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a short convolution needs whole windows: first=%d, tokens=%d, window=%d",
              span.first(),
              span.tokens(),
              span.window()));
    }
  }

  /// What the rows of a part are multiplied by after the convolution.
  @FunctionalInterface
  interface Turn {
    /// @param part in the order of the weights
    /// @param first position of the first token
    /// @return [tokens, D/2] complex64; null for nothing
    @Nullable Tensor factors(int part, long first, long tokens);
  }

  /// The weights as they are now, [K, parts C] float32, in the workspace's innermost frame.
  Tensor taps() {
    Tensor taps = tools.workspace().take(ScalarType.Float, count, parts * hidden);
    try (PointerScope _ = new PointerScope()) {
      taps.copy_(tools.parameters().value(weights).view(-1, count).t());
    }
    return taps;
  }

  /// A tile's rows, as soon as they are projected; but for the first ones of a tile that goes on
  /// where another ends, which [#finish] convolves when that one is there.
  ///
  /// @param before what was projected [T, parts C]
  /// @param shift what is to be added to each of its rows first, `[parts C]`; null for nothing
  /// @param after [T, parts C], overwritten with the tile's rows
  void forward(
      Tile tile,
      Shape shape,
      Tensor before,
      @Nullable Tensor shift,
      Tensor taps,
      Turn turn,
      Tensor after) {
    Chunk rows = tile.rows();
    long skipped = shared(rows);
    for (long sequence = 0; sequence < rows.sequences(); sequence++) {
      long start = rows.start() + sequence * rows.tokens();
      long position = shape.position(rows) + skipped;
      long tokens = rows.tokens() - skipped;
      run(start, skipped, position, tokens, before, shift, taps, turn, after);
    }
  }

  /// The first rows of a tile that goes on where another ends.
  void finish(
      Tile tile,
      Shape shape,
      Tensor before,
      @Nullable Tensor shift,
      Tensor taps,
      Turn turn,
      Tensor after) {
    Chunk rows = tile.rows();
    long earlier = Math.min(rows.first(), count - 1);
    long start = rows.start() - earlier;
    run(start, earlier, shape.position(rows), shared(rows), before, shift, taps, turn, after);
  }

  /// How many of a tile's first rows need rows of the tile before it.
  private long shared(Chunk rows) {
    return rows.first() == 0 ? 0 : Math.min(count - 1, rows.tokens());
  }

  /// @param start row of the first of `earlier` tokens, which are read only
  /// @param position of the first of `tokens` after them
  private void run(
      long start,
      long earlier,
      long position,
      long tokens,
      Tensor before,
      @Nullable Tensor shift,
      Tensor taps,
      Turn turn,
      Tensor after) {
    for (int part = 0; tokens > 0 && part < parts; part++) {
      rowwise.convolve(
          part(before, part).narrow(0, start, earlier + tokens),
          partOf(shift, part),
          part(taps, part),
          turn.factors(part, position, tokens),
          part(after, part).narrow(0, start + earlier, tokens));
    }
  }

  private Tensor part(Tensor rows, int part) {
    return rows.narrow(1, part * hidden, hidden);
  }

  private @Nullable Tensor partOf(@Nullable Tensor vector, int part) {
    return vector == null ? null : vector.narrow(0, part * hidden, hidden);
  }

  /// Begins a backward pass, in the workspace's innermost frame, which must last until
  /// [Backward#add()].
  ///
  /// @param before what the forward pass read; overwritten with its gradient, tile by tile
  /// @param shift as it was then
  Backward backward(Shape shape, Tensor before, @Nullable Tensor shift) {
    return new Backward(shape, before, shift);
  }

  /// A backward pass: every tile once, in any order, by any thread; then [#add()].
  final class Backward {
    private final Shape shape;
    private final Tensor before;
    private final @Nullable Tensor shift;
    private final Tensor taps;
    private final Tensor gradTaps;
    private final Sums tileSums;

    private Backward(Shape shape, Tensor before, @Nullable Tensor shift) {
      this.shape = shape;
      this.before = before;
      this.shift = shift;
      this.taps = taps();
      this.gradTaps = tools.workspace().take(ScalarType.Float, (long) count * parts * hidden);
      gradTaps.zero_();
      this.tileSums = new Sums(tools, shape.tileCount(), gradTaps);
    }

    /// The gradient of what was projected [T, parts C], as far as tiles were run.
    Tensor gradBefore() {
      return before;
    }

    /// @param gradAfter of what the forward pass wrote [T, parts C]; a tile reads rows of the next
    /// @param gradShift `[parts C]`, added to
    void run(Tile tile, Tensor gradAfter, Turn turn, Tensor gradShift) {
      Chunk rows = tile.rows();
      long tokens = rows.tokens();
      long later = Math.min(shape.tokens() - rows.first() - tokens, count - 1);
      Tensor own = tileSums.of(tile).view(count, parts * hidden);
      for (long sequence = 0; sequence < rows.sequences(); sequence++) {
        long start = rows.start() + sequence * tokens;
        for (int part = 0; part < parts; part++) {
          Tensor x = part(before, part).narrow(0, start, tokens);
          rowwise.convolveBackward(
              part(gradAfter, part).narrow(0, start, tokens + later),
              x,
              partOf(shift, part),
              part(taps, part),
              turn.factors(part, shape.position(rows), tokens + later),
              x,
              part(own, part),
              gradShift.narrow(0, part * hidden, hidden));
        }
      }
    }

    /// Adds the weights' gradient.
    void add() {
      tileSums.add();
      try (PointerScope _ = new PointerScope()) {
        tools.parameters().gradient(weights).view(-1, count).add_(gradTaps.view(count, -1).t());
      }
    }
  }
}
