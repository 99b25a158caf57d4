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
/// nothing of one another; in front of a sequence nothing counts. Where a window lies on several
/// ranks, a part's first rows need rows of the parts before it, and backward its last ones rows of
/// the parts behind it ([EdgeRows]).
///
/// A tile's first rows need rows of the tile before it, and backward its last ones rows of the tile
/// after it. So it goes from one buffer to another: forward from what was projected, which is kept,
/// to what attends; backward from the gradient of that to the place of what was kept.
final class ShortConvolution implements AutoCloseable {
  private final Tools tools;
  private final Rowwise rowwise;
  private final List<String> weights;

  /// The weights where they are, [K, parts C].
  private final Tensor weight;

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
    this.weight = tools.parameters().value(weights).view(-1, count).t().retainReference();
  }

  /// @throws IllegalArgumentException where a span lacks rows that its own rows need
  void requireRows(Span span) {
    if (!span.isWhole() && !tools.shards().share(span)) {
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
    taps.copy_(weight);
    return taps;
  }

  /// How many rows before a span's first one its rows need of other ranks.
  private int before(Span span) {
    return tools.shards().share(span) && span.tokens() > 0
        ? (int) Math.min(count - 1, span.first())
        : 0;
  }

  /// A tile's rows, as soon as they are projected; but for the first ones of a tile that goes on
  /// where another one or another rank's part ends, which [#finish] convolves when that one is
  /// there.
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
    long skipped = shared(rows, before(shape.span()));
    for (long sequence = 0; sequence < rows.sequences(); sequence++) {
      long start = rows.start() + sequence * rows.tokens();
      long position = shape.position(rows) + skipped;
      long tokens = rows.tokens() - skipped;
      run(
          before.narrow(0, start, skipped + tokens),
          position,
          after.narrow(0, start + skipped, tokens),
          shift,
          taps,
          turn);
    }
  }

  /// The first rows of each sequence with those before them that other ranks hold, [B, h + m, W];
  /// null where none are needed. Waits for these ranks. In the workspace's innermost frame.
  ///
  /// @param before as for [#forward], complete
  @Nullable Tensor front(Shape shape, Tensor before) {
    Span span = shape.span();
    if (!tools.shards().share(span)) {
      return null;
    }
    Workspace workspace = tools.workspace();
    EdgeRows edge = new EdgeRows(tools.shards(), span.window(), count - 1, false);
    Tensor earlier = edge.exchange(before, shape.batch(), workspace);
    if (edge.count() == 0) {
      return null;
    }
    // Tiles that begin within reach of the edge are finished from here.
    long own = Math.min(span.tokens(), 2L * (count - 1));
    Tensor front =
        workspace.take(
            before.scalar_type().intern(), shape.batch(), edge.count() + own, before.size(1));
    try (PointerScope _ = new PointerScope()) {
      front.narrow(1, 0, edge.count()).copy_(earlier);
      front
          .narrow(1, edge.count(), own)
          .copy_(before.view(shape.batch(), span.tokens(), before.size(1)).narrow(1, 0, own));
    }
    return front;
  }

  /// Whether a tile has first rows that [#forward] left out.
  boolean unfinished(Tile tile, Shape shape) {
    return shared(tile.rows(), before(shape.span())) > 0;
  }

  /// The first rows of a tile that goes on where another one or another rank's part ends.
  ///
  /// @param front what [#front] gave
  void finish(
      Tile tile,
      Shape shape,
      Tensor before,
      @Nullable Tensor front,
      @Nullable Tensor shift,
      Tensor taps,
      Turn turn,
      Tensor after) {
    Chunk rows = tile.rows();
    int elsewhere = before(shape.span());
    long tokens = shared(rows, elsewhere);
    long earlier = Math.min(rows.first() + elsewhere, count - 1);
    for (long sequence = 0; sequence < rows.sequences(); sequence++) {
      long start = rows.start() + sequence * rows.tokens();
      Tensor source = before;
      long from = start - earlier;
      if (front != null && rows.first() < count - 1) {
        source = front.select(0, start / shape.tokens());
        from = elsewhere + rows.first() - earlier;
      }
      run(
          source.narrow(0, from, earlier + tokens),
          shape.position(rows),
          after.narrow(0, start, tokens),
          shift,
          taps,
          turn);
    }
  }

  /// How many of a tile's first rows need rows of the tile before it, or of another rank.
  private long shared(Chunk rows, int elsewhere) {
    return rows.first() == 0 && elsewhere == 0 ? 0 : Math.min(count - 1, rows.tokens());
  }

  /// @param source rows that are read: the last of them are those written
  /// @param position of the first row that is written
  private void run(
      Tensor source, long position, Tensor after, @Nullable Tensor shift, Tensor taps, Turn turn) {
    long tokens = after.size(0);
    for (int part = 0; tokens > 0 && part < parts; part++) {
      rowwise.convolve(
          part(source, part),
          partOf(shift, part),
          part(taps, part),
          turn.factors(part, position, tokens),
          part(after, part));
    }
  }

  private Tensor part(Tensor rows, int part) {
    return rows.narrow(1, part * hidden, hidden);
  }

  private @Nullable Tensor partOf(@Nullable Tensor vector, int part) {
    return vector == null ? null : vector.narrow(0, part * hidden, hidden);
  }

  /// Begins a backward pass, and waits for rows of other ranks, in the workspace's innermost frame,
  /// which must last until [Backward#add()].
  ///
  /// @param before what the forward pass read; overwritten with its gradient, tile by tile
  /// @param shift as it was then
  /// @param taps as they were then
  /// @param gradAfter of what the forward pass wrote [T, parts C]
  Backward backward(
      Shape shape, Tensor before, @Nullable Tensor shift, Tensor taps, Tensor gradAfter) {
    return new Backward(shape, before, shift, taps, gradAfter);
  }

  /// A backward pass: every tile once, in any order, by any thread; then [#add()].
  final class Backward {
    private final Shape shape;
    private final Tensor before;
    private final @Nullable Tensor shift;
    private final Tensor taps;
    private final Tensor gradTaps;
    private final Sums tileSums;
    private final Tensor gradAfter;

    /// The gradients of the last rows of each sequence with those behind them that other ranks
    /// hold, [B, m + h, W]; null where none are needed.
    private final @Nullable Tensor back;

    /// Of these, how many are this rank's.
    private long backOwn;

    private Backward(
        Shape shape, Tensor before, @Nullable Tensor shift, Tensor taps, Tensor gradAfter) {
      this.gradAfter = gradAfter;
      this.back = back(shape);
      this.shape = shape;
      this.before = before;
      this.shift = shift;
      this.taps = taps;
      this.gradTaps = tools.workspace().take(ScalarType.Float, (long) count * parts * hidden);
      gradTaps.zero_();
      this.tileSums = new Sums(tools, shape.tileCount(), gradTaps);
    }

    /// The gradient of what was projected [T, parts C], as far as tiles were run.
    Tensor gradBefore() {
      return before;
    }

    private @Nullable Tensor back(Shape shape) {
      Span span = shape.span();
      if (!tools.shards().share(span)) {
        return null;
      }
      Workspace workspace = tools.workspace();
      EdgeRows edge = new EdgeRows(tools.shards(), span.window(), count - 1, true);
      Tensor later = edge.exchange(gradAfter, shape.batch(), workspace);
      if (edge.count() == 0) {
        return null;
      }
      backOwn = Math.min(span.tokens(), count - 1);
      Tensor rows =
          workspace.take(
              gradAfter.scalar_type().intern(),
              shape.batch(),
              backOwn + edge.count(),
              gradAfter.size(1));
      try (PointerScope _ = new PointerScope()) {
        rows.narrow(1, 0, backOwn)
            .copy_(
                gradAfter
                    .view(shape.batch(), span.tokens(), gradAfter.size(1))
                    .narrow(1, span.tokens() - backOwn, backOwn));
        rows.narrow(1, backOwn, edge.count()).copy_(later);
      }
      return rows;
    }

    /// A tile reads rows of the next one.
    ///
    /// @param gradShift `[parts C]`, added to
    void run(Tile tile, Turn turn, Tensor gradShift) {
      Chunk rows = tile.rows();
      // Rows from here on reach into another rank's part.
      long edge = back == null ? shape.tokens() : shape.tokens() - backOwn;
      long inside = Math.clamp(edge - rows.first(), 0, rows.tokens());
      Tensor own = tileSums.of(tile).view(count, parts * hidden);
      for (long sequence = 0; sequence < rows.sequences(); sequence++) {
        long start = rows.start() + sequence * rows.tokens();
        if (inside > 0) {
          long later = Math.min(shape.tokens() - rows.first() - inside, count - 1);
          run(
              gradAfter.narrow(0, start, inside + later),
              before.narrow(0, start, inside),
              shape.position(rows),
              turn,
              own,
              gradShift);
        }
        if (back != null && inside < rows.tokens()) {
          long tokens = rows.tokens() - inside;
          long from = rows.first() + inside - edge;
          Tensor last = back.select(0, start / shape.tokens());
          long later = Math.min(last.size(0) - from - tokens, count - 1);
          run(
              last.narrow(0, from, tokens + later),
              before.narrow(0, start + inside, tokens),
              shape.position(rows) + inside,
              turn,
              own,
              gradShift);
        }
      }
    }

    /// @param gradOut [m, W] of the rows and of those behind them
    /// @param x [n, W], overwritten with its gradient
    private void run(
        Tensor gradOut, Tensor x, long position, Turn turn, Tensor gradTaps, Tensor gradShift) {
      for (int part = 0; part < parts; part++) {
        Tensor own = part(x, part);
        rowwise.convolveBackward(
            part(gradOut, part),
            own,
            partOf(shift, part),
            part(taps, part),
            turn.factors(part, position, gradOut.size(0)),
            own,
            part(gradTaps, part),
            gradShift.narrow(0, part * hidden, hidden));
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

  @Override
  public void close() {
    weight.deallocate();
  }
}
