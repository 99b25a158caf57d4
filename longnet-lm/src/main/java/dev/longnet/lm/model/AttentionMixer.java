// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.LongFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Multi-head attention of any pattern as a mixer:
///
///     mixed = out_proj(LN(attention(rotate(q_proj(x)), rotate(k_proj(x)), v_proj(x))))
///
/// Where the model has a short convolution, it comes between each projection and what follows.
/// Queries, keys, values and attention's output are as long as the sequence, everything else as a
/// chunk.
final class AttentionMixer implements Mixer {
  private final Tools tools;
  private final Workspace workspace;
  private final Rowwise rowwise;
  private final int heads;
  private final int hidden;
  private final ScalarType product;
  private final Shared shared;

  /// q, k and v as one product: 3 C numbers a row.
  private final Linear projections;

  private final @Nullable ShortConvolution convolution;
  private final Norm innerNorm;
  private final Linear outProjection;

  /// @param convolution of q, k and v; null for none
  AttentionMixer(
      Tools tools, int heads, int layer, Shared shared, @Nullable ShortConvolution convolution) {
    String prefix = Blueprint.mixerPrefix(layer);
    this.tools = tools;
    this.workspace = tools.workspace();
    this.rowwise = tools.rowwise();
    this.heads = heads;
    this.product = tools.product();
    this.shared = shared;
    this.convolution = convolution;
    projections = tools.linear(true, prefix + "q_proj", prefix + "k_proj", prefix + "v_proj");
    innerNorm = tools.norm(prefix + "inner_attn_ln");
    outProjection = tools.linear(true, prefix + "out_proj");
    hidden = (int) outProjection.width();
  }

  /// What layers of one attention share.
  static final class Shared implements AutoCloseable {
    private final LongFunction<Positions> makePositions;

    @SuppressWarnings("NullAway.Init") // the model says it before it runs
    private AttentionOperator operator;

    private @Nullable Positions positions;
    private long positionsFor = -1;

    /// @param makePositions of a window of so many tokens; closed here
    Shared(LongFunction<Positions> makePositions) {
      this.makePositions = makePositions;
    }

    /// Sets what attends from now on.
    ///
    /// @param other stays the caller's
    void use(AttentionOperator other) {
      operator = other;
    }

    /// Gives back memory that is kept from pass to pass.
    void release() {
      operator.release();
    }

    private Positions positions(Shape shape) {
      long window = shape.span().window();
      if (positions != null && positionsFor == window) {
        return positions;
      }
      Positions next = makePositions.apply(window);
      close();
      positions = next;
      positionsFor = window;
      return next;
    }

    @Override
    public void close() {
      if (positions != null) {
        positions.close();
      }
    }
  }

  /// @param before what the short convolution read [T, 3 C]; without one the same as projected
  /// @param taps what it weighed rows with; without one null
  /// @param projected rotated queries, rotated keys and values [T, 3 C]
  private record Attended(
      Tensor before, @Nullable Tensor taps, Tensor projected, AttentionOperator.Output output)
      implements Saved {}

  @Override
  public Saved forward(Input x, Shape shape, Output mixed) {
    AttentionOperator operator = shared.operator.over(shape.span());
    if (convolution != null) {
      convolution.requireRows(shape.span());
    }
    Positions positions = shared.positions(shape);
    Tensor taps = convolution == null ? null : convolution.taps();
    Tensor projected = workspace.take(product, shape.rows(), 3L * hidden);
    Tensor before =
        convolution == null ? projected : workspace.take(product, shape.rows(), 3L * hidden);
    List<Tile> tiles = shape.tiles();
    tools
        .crew()
        .run(
            tiles,
            (tile, temporaries) -> {
              Tensor n = temporaries.take(product, tile.count(), hidden);
              x.rows(tile, n);
              projections.forward(n, tile.of(before));
              if (convolution == null || taps == null) {
                rotate(positions, tile, shape, projected);
              } else {
                convolution.forward(
                    tile, shape, before, projections.shift(), taps, turn(positions), projected);
              }
            });
    if (convolution != null && taps != null) {
      Tensor shift = projections.shift();
      Tensor front = convolution.front(shape, before);
      List<Tile> later =
          tiles.stream().filter(tile -> convolution.unfinished(tile, shape)).toList();
      tools
          .crew()
          .run(
              later,
              (tile, _) ->
                  convolution.finish(
                      tile, shape, before, front, shift, taps, turn(positions), projected));
    }
    AttentionOperator.Output output =
        new AttentionOperator.Output(
            workspace.take(product, shape.batch(), shape.tokens(), heads, hidden / heads),
            workspace.take(ScalarType.Float, shape.batch(), heads, shape.tokens()));
    operator.forward(
        headed(shape, projected, 0),
        headed(shape, projected, 1),
        headed(shape, projected, 2),
        output);
    Tensor attended = output.out().view(-1, hidden);
    tools
        .crew()
        .run(
            tiles,
            (tile, temporaries) -> {
              Tensor n = temporaries.take(product, tile.count(), hidden);
              rowwise.norm(tile.of(attended), innerNorm, n);
              Tensor joined = temporaries.take(product, tile.count(), hidden);
              outProjection.forward(n, joined);
              mixed.put(tile, joined, outProjection.shift(), temporaries);
            });
    return new Attended(before, taps, projected, output);
  }

  private static ShortConvolution.Turn turn(Positions positions) {
    return (part, first, tokens) ->
        switch (part) {
          case 0 -> positions.queries(first, tokens);
          case 1 -> positions.keys(first, tokens);
          default -> null;
        };
  }

  private void rotate(Positions positions, Tile tile, Shape shape, Tensor projected) {
    Chunk rows = tile.rows();
    long first = shape.position(rows);
    Tensor queries = positions.queries(first, rows.tokens());
    Tensor keys = positions.keys(first, rows.tokens());
    for (long sequence = 0; sequence < rows.sequences(); sequence++) {
      Tensor own = projected.narrow(0, rows.start() + sequence * rows.tokens(), rows.tokens());
      rowwise.rotate(part(own, 0), shift(0), queries);
      rowwise.rotate(part(own, 1), shift(1), keys);
      rowwise.rotate(part(own, 2), shift(2), null);
    }
  }

  private @Nullable Tensor shift(int part) {
    Tensor all = projections.shift();
    return all == null ? null : all.narrow(0, (long) part * hidden, hidden);
  }

  /// Queries (0), keys (1) or values (2) of [n, 3 C], as [n, C].
  private Tensor part(Tensor rows, int part) {
    return rows.narrow(1, (long) part * hidden, hidden);
  }

  /// The same of a whole pass, as [B, n, H, D].
  private Tensor headed(Shape shape, Tensor all, int part) {
    return all.view(shape.batch(), shape.tokens(), 3, heads, hidden / heads).select(2, part);
  }

  @Override
  public void backward(Saved saved, Shape shape, OutputGradient gradMixed, InputGradient gradX) {
    Attended attended = (Attended) saved;
    AttentionOperator.Backward attention =
        shared
            .operator
            .over(shape.span())
            .begin(
                headed(shape, attended.projected, 0),
                headed(shape, attended.projected, 1),
                headed(shape, attended.projected, 2));
    int tiles = shape.tileCount();
    Sums gradJoinBias = outProjection.biasGradient(tools, tiles);
    Norm.Gradients gradNorm = innerNorm.gradients(tools, tiles);
    Sums gradBias = projections.biasGradient(tools, tiles);
    Tensor gradAttended = workspace.take(product, shape.rows(), hidden);
    for (int i = 0; i < shape.chunks().size(); i++) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        Chunk chunk = shape.chunks().get(i);
        joinBackward(
            chunk,
            shape.tiles(i),
            attended.output.out().view(-1, hidden),
            gradMixed.rows(i, chunk),
            gradAttended,
            gradJoinBias,
            gradNorm);
      }
    }
    Tensor gradients = workspace.take(product, shape.rows(), 3L * hidden);
    attention.finish(
        attended.output,
        gradAttended.view(shape.batch(), shape.tokens(), heads, hidden / heads),
        new AttentionOperator.Gradients(
            headed(shape, gradients, 0), headed(shape, gradients, 1), headed(shape, gradients, 2)));
    ShortConvolution.Backward convolved =
        convolution == null || attended.taps == null
            ? null
            : convolution.backward(
                shape, attended.before, projections.shift(), attended.taps, gradients);
    for (int i = 0; i < shape.chunks().size(); i++) {
      projectBackward(shape, i, gradients, convolved, gradBias, gradX);
    }
    gradJoinBias.add();
    gradNorm.add();
    gradBias.add();
    if (convolved != null) {
      convolved.add();
    }
  }

  private void joinBackward(
      Chunk chunk,
      List<Tile> tiles,
      Tensor attended,
      Tensor gradMixed,
      Tensor gradAttended,
      Sums gradBias,
      Norm.Gradients gradNorm) {
    Tensor gradOut = workspace.take(product, chunk.rows(), hidden);
    Tensor normed = workspace.take(product, chunk.rows(), hidden);
    tools
        .crew()
        .run(
            tiles,
            (tile, temporaries) -> {
              Tensor g = tile.of(gradOut, chunk);
              rowwise.copy(tile.of(gradMixed, chunk), g, gradBias.of(tile));
              Tensor gradInner = temporaries.take(product, tile.count(), hidden);
              outProjection.backwardInput(g, gradInner);
              rowwise.normBackward(
                  tile.of(attended),
                  innerNorm,
                  gradInner,
                  tile.of(normed, chunk),
                  tile.of(gradAttended),
                  false,
                  gradNorm.gain().of(tile),
                  gradNorm.bias().of(tile));
            });
    outProjection.backwardWeight(tools, normed, gradOut);
  }

  private void projectBackward(
      Shape shape,
      int index,
      Tensor gradients,
      ShortConvolution.@Nullable Backward convolved,
      Sums gradBias,
      InputGradient gradX) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Positions positions = shared.positions(shape);
      Chunk chunk = shape.chunks().get(index);
      List<Tile> tiles = shape.tiles(index);
      Tensor normed = workspace.take(product, chunk.rows(), hidden);
      Tensor gradProjected = convolved == null ? gradients : convolved.gradBefore();
      tools
          .crew()
          .run(
              tiles,
              (tile, temporaries) -> {
                if (convolved == null) {
                  rotateBackward(positions, tile, shape, gradients, gradBias.of(tile));
                } else {
                  convolved.run(tile, turn(positions), gradBias.of(tile));
                }
                Tensor gradNormed = temporaries.take(product, tile.count(), hidden);
                projections.backwardInput(tile.of(gradProjected), gradNormed);
                gradX.put(tile, gradNormed, tile.of(normed, chunk));
              });
      projections.backwardWeight(tools, normed, chunk.of(gradProjected));
    }
  }

  private void rotateBackward(
      Positions positions, Tile tile, Shape shape, Tensor gradients, Tensor sums) {
    Chunk rows = tile.rows();
    long first = shape.position(rows);
    Tensor queries = positions.queries(first, rows.tokens());
    Tensor keys = positions.keys(first, rows.tokens());
    for (long sequence = 0; sequence < rows.sequences(); sequence++) {
      Tensor own = gradients.narrow(0, rows.start() + sequence * rows.tokens(), rows.tokens());
      rowwise.rotateBackward(part(own, 0), queries, sums.narrow(0, 0, hidden));
      rowwise.rotateBackward(part(own, 1), keys, sums.narrow(0, hidden, hidden));
      rowwise.rotateBackward(part(own, 2), null, sums.narrow(0, 2L * hidden, hidden));
    }
  }

  @Override
  public void prepare(Consumer<Linear> linears) {
    linears.accept(projections);
    linears.accept(outProjection);
  }

  @Override
  public String describe() {
    return shared.operator.describe();
  }

  @Override
  public void close() {
    projections.close();
    outProjection.close();
    if (convolution != null) {
      convolution.close();
    }
  }
}
