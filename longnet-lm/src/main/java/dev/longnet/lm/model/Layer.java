// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Activation;
import java.util.List;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// One Sub-LN layer (MAGNETO), forward and backward, around any mixer:
///
///     m = x + mixer(LN(x))
///     y = m + fc2(LN(a(fc1(LN(m)))))
///
/// The backward pass is written out: matrix products are kept or made again as [ModelOptions] says,
/// everything element-wise is computed again, and token-wise parts run in chunks. Only buffers of
/// width C, fc1's output where it is kept, and what the mixer keeps are as long as the sequence.
final class Layer implements AutoCloseable {
  private final Tools tools;
  private final Workspace workspace;
  private final Rowwise rowwise;
  private final ScalarType product;
  private final Norm mixerNorm;
  private final Mixer mixer;
  private final Norm feedForwardNorm;
  private final Linear expand;
  private final Norm expandedNorm;
  private final Linear contract;
  private final Activation activation;

  /// @param mixer closed with this
  /// @param activation a
  Layer(Tools tools, int index, Mixer mixer, Activation activation) {
    this.activation = activation;
    this.tools = tools;
    this.workspace = tools.workspace();
    this.rowwise = tools.rowwise();
    this.product = tools.product();
    this.mixer = mixer;
    String prefix = "layers." + index + ".";
    mixerNorm = tools.norm(prefix + "self_attn_layer_norm");
    feedForwardNorm = tools.norm(prefix + "final_layer_norm");
    expand = tools.linear(true, prefix + "ffn.fc1");
    expandedNorm = tools.norm(prefix + "ffn.ffn_layernorm");
    contract = tools.linear(true, prefix + "ffn.fc2");
  }

  /// What a forward pass leaves for the backward pass, beside its input.
  ///
  /// @param middle m [T, C] float32
  /// @param expanded what fc1 multiplied [T, F], or null: then the backward pass computes it again
  record Saved(Mixer.Saved mixed, Tensor middle, @Nullable Tensor expanded) {}

  Mixer mixer() {
    return mixer;
  }

  private long hidden() {
    return contract.width();
  }

  private long feedForward() {
    return expand.width();
  }

  /// y, with nothing kept.
  ///
  /// @param x [T, C] float32
  /// @param out y [T, C] float32, overwritten; may be x
  void run(Tensor x, Shape shape, Tensor out) {
    pass(x, shape, out, null, out);
  }

  /// y, with everything kept that the backward pass needs.
  ///
  /// @param out y [T, C] float32, overwritten
  /// @return buffers of the workspace's innermost frame
  Saved forward(Tensor x, Shape shape, Tensor out) {
    Tensor middle = workspace.take(ScalarType.Float, x.size(0), hidden());
    Tensor expanded = workspace.take(product, x.size(0), feedForward());
    return new Saved(pass(x, shape, middle, expanded, out), middle, expanded);
  }

  /// What the backward pass needs, made again from the layer's input.
  Saved again(Tensor x, Shape shape) {
    Tensor middle = workspace.take(ScalarType.Float, x.size(0), hidden());
    return new Saved(pass(x, shape, middle, null, null), middle, null);
  }

  /// @param middle overwritten with m; may be x
  /// @param expanded overwritten with what fc1 multiplied, or null
  /// @param out overwritten with y, or null: then the feed-forward is left out; may be middle
  private Mixer.Saved pass(
      Tensor x, Shape shape, Tensor middle, @Nullable Tensor expanded, @Nullable Tensor out) {
    return mixer.forward(
        (tile, normed) -> rowwise.norm(tile.of(x), mixerNorm, normed),
        shape,
        (tile, mixed, shift, temporaries) -> {
          Tensor m = tile.of(middle);
          if (out == null) {
            rowwise.add(tile.of(x), mixed, shift, m);
            return;
          }
          Tensor n = temporaries.take(product, tile.count(), hidden());
          rowwise.addNorm(tile.of(x), mixed, shift, m, feedForwardNorm, n);
          Tensor e =
              expanded == null
                  ? temporaries.take(product, tile.count(), feedForward())
                  : tile.of(expanded);
          expand.forward(n, e);
          Tensor inner =
              expanded == null ? e : temporaries.take(product, tile.count(), feedForward());
          rowwise.activateNorm(activation, e, expand.shift(), expandedNorm, inner);
          contract.forward(inner, n);
          rowwise.add(m, n, contract.shift(), tile.of(out));
        });
  }

  /// Adds the parameters' gradients.
  ///
  /// @param x the layer's input [T, C]
  /// @param gradient [T, C] float32: in, of the loss with respect to the output; out, with respect
  ///   to the input
  void backward(Tensor x, Saved saved, Shape shape, Tensor gradient) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Norm.Gradients gradNorm = mixerNorm.gradients(tools, shape.tileCount());
      FeedForwardGradients sums = new FeedForwardGradients(shape.tileCount());
      mixer.backward(
          saved.mixed,
          shape,
          (index, chunk) -> {
            feedForwardBackward(chunk, shape.tiles(index), saved, gradient, sums);
            return chunk.of(gradient);
          },
          (tile, gradNormed, again) ->
              rowwise.normBackward(
                  tile.of(x),
                  mixerNorm,
                  gradNormed,
                  again,
                  tile.of(gradient),
                  true,
                  gradNorm.gain().of(tile),
                  gradNorm.bias().of(tile)));
      gradNorm.add();
      sums.add();
    }
  }

  /// Of the feed-forward's vectors.
  private final class FeedForwardGradients {
    final Norm.Gradients norm;
    final Sums expandBias;
    final Norm.Gradients expandedNorm;
    final Sums contractBias;

    FeedForwardGradients(int tiles) {
      norm = feedForwardNorm.gradients(tools, tiles);
      expandBias = expand.biasGradient(tools, tiles);
      expandedNorm = Layer.this.expandedNorm.gradients(tools, tiles);
      contractBias = contract.biasGradient(tools, tiles);
    }

    void add() {
      norm.add();
      expandBias.add();
      expandedNorm.add();
      contractBias.add();
    }
  }

  private void feedForwardBackward(
      Chunk chunk, List<Tile> tiles, Saved saved, Tensor gradient, FeedForwardGradients sums) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Tensor gradOut = workspace.take(product, chunk.rows(), hidden());
      Tensor inner = workspace.take(product, chunk.rows(), feedForward());
      Tensor gradExpanded = workspace.take(product, chunk.rows(), feedForward());
      Tensor normed = workspace.take(product, chunk.rows(), hidden());
      tools
          .crew()
          .run(
              tiles,
              (tile, temporaries) -> {
                Tensor middle = tile.of(saved.middle);
                Tensor n = tile.of(normed, chunk);
                Tensor e;
                if (saved.expanded == null) {
                  e = temporaries.take(product, tile.count(), feedForward());
                  rowwise.norm(middle, feedForwardNorm, n);
                  expand.forward(n, e);
                } else {
                  e = tile.of(saved.expanded);
                }
                Tensor g = tile.of(gradOut, chunk);
                rowwise.copy(tile.of(gradient), g, sums.contractBias.of(tile));
                Tensor ge = tile.of(gradExpanded, chunk);
                contract.backwardInput(g, ge);
                rowwise.activateNormBackward(
                    activation,
                    e,
                    expand.shift(),
                    expandedNorm,
                    ge,
                    tile.of(inner, chunk),
                    ge,
                    sums.expandBias.of(tile),
                    sums.expandedNorm.gain().of(tile),
                    sums.expandedNorm.bias().of(tile));
                Tensor gradNormed = temporaries.take(product, tile.count(), hidden());
                expand.backwardInput(ge, gradNormed);
                rowwise.normBackward(
                    middle,
                    feedForwardNorm,
                    gradNormed,
                    n,
                    tile.of(gradient),
                    true,
                    sums.norm.gain().of(tile),
                    sums.norm.bias().of(tile));
              });
      contract.backwardWeight(tools, inner, gradOut);
      expand.backwardWeight(tools, normed, gradExpanded);
    }
  }

  /// Hands out what has copies of parameters.
  void prepare(Consumer<Linear> linears) {
    mixer.prepare(linears);
    linears.accept(expand);
    linears.accept(contract);
  }

  @Override
  public void close() {
    mixer.close();
    List.of(expand, contract).forEach(Linear::close);
  }
}
