// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.ModelConfig;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Final norm, output projection, and the cross-entropy of its logits, `lossChunk` tokens at a
/// time: [T, V] logits never exist. In float32:
///
///     loss_t = lse_t - logit_t[target],   lse_t = log sum_v exp(logit_t[v])
///     d loss_t / d logit_t = softmax(logit_t) - onehot(target)
final class OutputHead implements AutoCloseable {
  private final Tools tools;
  private final Workspace workspace;
  private final Rowwise rowwise;
  private final ScalarType product;
  private final int hidden;
  private final Norm norm;
  private final Linear projection;

  OutputHead(Tools tools, ModelConfig config) {
    this.tools = tools;
    this.workspace = tools.workspace();
    this.rowwise = tools.rowwise();
    this.product = tools.product();
    this.hidden = config.hidden();
    this.norm = tools.norm("layer_norm");
    this.projection =
        tools.linear(false, config.tiedOutput() ? "embed_tokens" : "output_projection");
  }

  private int vocabulary() {
    return (int) projection.width();
  }

  /// Rows in pieces whose logits exist at a time.
  private Shape shape(Tensor x) {
    return tools.shape(x.size(0), tools.options().lossChunk());
  }

  private Tensor empty(long... shape) {
    return tools.parameters().empty(ScalarType.Float, shape);
  }

  /// @param x [T, C] float32
  /// @return LN(x) [T, C] float32, the caller's
  Tensor normed(Tensor x) {
    Tensor out = empty(x.size(0), hidden);
    each(x, (tile, _) -> rowwise.norm(tile.of(x), norm, tile.of(out)));
    return out;
  }

  /// @param x [T, C] float32
  /// @return [T, V] float32, the caller's
  Tensor logits(Tensor x) {
    Tensor out = empty(x.size(0), vocabulary());
    each(
        x,
        (tile, temporaries) -> {
          Tensor logits =
              product == ScalarType.Float
                  ? tile.of(out)
                  : temporaries.take(product, tile.count(), vocabulary());
          project(tile, x, logits, temporaries);
          if (product != ScalarType.Float) {
            rowwise.copy(logits, tile.of(out), null);
          }
        });
    return out;
  }

  /// Negative log-likelihoods `[T]` float32, the caller's.
  ///
  /// @param x [T, C] float32
  /// @param targets `[T]` int64
  Tensor losses(Tensor x, Tensor targets) {
    return losses(x, targets, null, null);
  }

  /// As [#losses], and adds to `share` [1] float64 how much of all predictions' probability goes to
  /// some ids.
  ///
  /// @param ids `[n]` int64
  Tensor losses(Tensor x, Tensor targets, @Nullable Tensor ids, @Nullable Tensor share) {
    Tensor losses = empty(x.size(0));
    double[] shares = new double[shape(x).tileCount()];
    each(
        x,
        (tile, temporaries) -> {
          Tensor logits = temporaries.take(product, tile.count(), vocabulary());
          project(tile, x, logits, temporaries);
          if (ids != null) {
            Tensor probabilities = torch.softmax(Types.cast(logits, ScalarType.Float), 1);
            shares[tile.index()] =
                probabilities.index_select(1, ids).sum(Decoder.SUM_TYPE).item_double();
          }
          rowwise.crossEntropy(logits, tile.of(targets), tile.of(losses), 0);
        });
    if (share != null) {
      share.add_(new Scalar(Arrays.stream(shares).sum()));
    }
    return losses;
  }

  private void project(Tile tile, Tensor x, Tensor logits, Workspace temporaries) {
    Tensor n = temporaries.take(product, tile.count(), hidden);
    rowwise.norm(tile.of(x), norm, n);
    projection.forward(n, logits);
  }

  /// Every tile, those of one chunk at once.
  private void each(Tensor x, Crew.TileTask task) {
    Shape shape = shape(x);
    for (int i = 0; i < shape.chunks().size(); i++) {
      tools.crew().run(shape.tiles(i), task);
    }
  }

  /// As [#losses], and adds the parameters' gradients of `weight` times the sum of the losses.
  ///
  /// @param gradient [T, C] float32, overwritten with the gradient with respect to x
  Tensor lossesAndGradients(Tensor x, Tensor targets, double weight, Tensor gradient) {
    Tensor losses = empty(x.size(0));
    Shape shape = shape(x);
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Norm.Gradients gradNorm = norm.gradients(tools, shape.tileCount());
      for (int i = 0; i < shape.chunks().size(); i++) {
        chunk(shape, i, x, targets, weight, losses, gradient, gradNorm);
      }
      gradNorm.add();
    }
    return losses;
  }

  private void chunk(
      Shape shape,
      int index,
      Tensor x,
      Tensor targets,
      double weight,
      Tensor losses,
      Tensor gradient,
      Norm.Gradients gradNorm) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Chunk chunk = shape.chunks().get(index);
      List<Tile> tiles = shape.tiles(index);
      Tensor normed = workspace.take(product, chunk.rows(), hidden);
      Tensor logits = workspace.take(product, chunk.rows(), vocabulary());
      tools
          .crew()
          .run(
              tiles,
              (tile, temporaries) -> {
                Tensor n = tile.of(normed, chunk);
                Tensor l = tile.of(logits, chunk);
                rowwise.norm(tile.of(x), norm, n);
                projection.forward(n, l);
                rowwise.crossEntropy(l, tile.of(targets), tile.of(losses), weight);
                if ((float) weight == 0) {
                  l.zero_(); // without a weight the loss leaves no gradient there
                }
                Tensor gradNormed = temporaries.take(product, tile.count(), hidden);
                projection.backwardInput(l, gradNormed);
                rowwise.normBackward(
                    tile.of(x),
                    norm,
                    gradNormed,
                    null,
                    tile.of(gradient),
                    false,
                    gradNorm.gain().of(tile),
                    gradNorm.bias().of(tile));
              });
      projection.backwardWeight(tools, normed, logits);
    }
  }

  void prepare(Consumer<Linear> linears) {
    linears.accept(projection);
  }

  @Override
  public void close() {
    projection.close();
  }
}
