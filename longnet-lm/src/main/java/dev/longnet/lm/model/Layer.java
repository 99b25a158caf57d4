// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// One Sub-LN layer (MAGNETO), forward and backward, around any mixer:
///
///     m = x + mixer(LN(x))
///     y = m + fc2(LN(gelu(fc1(LN(m)))))
///
/// The backward pass is written out: matrix products are kept or made again as [ModelOptions] says,
/// everything element-wise is computed again, and token-wise parts run in chunks. Only buffers of
/// width C, fc1's output where it is kept, and what the mixer keeps are as long as the sequence.
final class Layer implements AutoCloseable {
  private final Workspace workspace;
  private final int hidden;
  private final int feedForward;
  private final ScalarType product;
  private final Norm mixerNorm;
  private final Mixer mixer;
  private final Norm feedForwardNorm;
  private final Linear expand;
  private final Norm expandedNorm;
  private final Linear contract;

  /// @param mixer closed with this
  Layer(Parameters parameters, Workspace workspace, ModelOptions options, int index, Mixer mixer) {
    this.workspace = workspace;
    this.product = Types.product(options.precision());
    this.mixer = mixer;
    String prefix = "layers." + index + ".";
    mixerNorm = new Norm(parameters, prefix + "self_attn_layer_norm");
    feedForwardNorm = new Norm(parameters, prefix + "final_layer_norm");
    expand = new Linear(parameters, prefix + "ffn.fc1", true, options.precision());
    expandedNorm = new Norm(parameters, prefix + "ffn.ffn_layernorm");
    contract = new Linear(parameters, prefix + "ffn.fc2", true, options.precision());
    hidden = (int) parameters.value(prefix + "ffn.fc2.bias").numel();
    feedForward = (int) parameters.value(prefix + "ffn.fc1.bias").numel();
  }

  /// What a forward pass leaves for the backward pass, beside its input.
  ///
  /// @param middle m [T, C] float32
  /// @param expanded fc1's output [T, F], or null: then the backward pass computes it again
  record Saved(Mixer.Saved mixed, Tensor middle, @Nullable Tensor expanded) {}

  Mixer mixer() {
    return mixer;
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
    Tensor middle = workspace.take(ScalarType.Float, x.size(0), hidden);
    Tensor expanded = workspace.take(product, x.size(0), feedForward);
    return new Saved(pass(x, shape, middle, expanded, out), middle, expanded);
  }

  /// What the backward pass needs, made again from the layer's input.
  Saved again(Tensor x, Shape shape) {
    Tensor middle = workspace.take(ScalarType.Float, x.size(0), hidden);
    return new Saved(pass(x, shape, middle, null, null), middle, null);
  }

  /// @param middle overwritten with m; may be x
  /// @param expanded overwritten with fc1's output, or null
  /// @param out overwritten with y, or null: then the feed-forward is left out; may be middle
  private Mixer.Saved pass(
      Tensor x, Shape shape, Tensor middle, @Nullable Tensor expanded, @Nullable Tensor out) {
    return mixer.forward(
        chunk -> Types.cast(mixerNorm.forward(chunk.of(x)).out(), product),
        shape,
        (chunk, mixed) -> {
          torch.add_out(chunk.of(middle), chunk.of(x), mixed);
          if (out != null) {
            feedForward(
                chunk.of(middle),
                expanded == null
                    ? workspace.take(product, chunk.rows(), feedForward)
                    : chunk.of(expanded),
                chunk.of(out));
          }
        });
  }

  private void feedForward(Tensor middle, Tensor expanded, Tensor out) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      expand.forward(Types.cast(feedForwardNorm.forward(middle).out(), product), expanded);
      Tensor n = expandedNorm.forward(gelu(expanded)).out();
      Tensor contracted = workspace.take(product, n.size(0), hidden);
      contract.forward(n, contracted);
      torch.add_out(out, middle, contracted);
    }
  }

  /// Adds the parameters' gradients.
  ///
  /// @param x the layer's input [T, C]
  /// @param gradient [T, C] float32: in, of the loss with respect to the output; out, with respect
  ///   to the input
  void backward(Tensor x, Saved saved, Shape shape, Tensor gradient) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      NormedInput input = new NormedInput(x, gradient);
      mixer.backward(
          input,
          saved.mixed,
          shape,
          chunk -> {
            feedForwardBackward(
                chunk.of(saved.middle),
                saved.expanded == null ? null : chunk.of(saved.expanded),
                chunk.of(gradient));
            return Types.cast(chunk.of(gradient), product);
          },
          input);
    }
  }

  /// LN(x) as the mixer's backward pass asks for it, and the way of its gradient back through the
  /// norm into the residual stream's.
  private final class NormedInput implements Mixer.Source, Mixer.Sink {
    private final Tensor x;
    private final Tensor gradient;

    @SuppressWarnings("NullAway.Init") // of the chunk whose rows were asked for last
    private Norm.Result normed;

    NormedInput(Tensor x, Tensor gradient) {
      this.x = x;
      this.gradient = gradient;
    }

    @Override
    public Tensor rows(Chunk chunk) {
      normed = mixerNorm.forward(chunk.of(x));
      return Types.cast(normed.out(), product);
    }

    @Override
    public void put(Chunk chunk, Tensor gradNormed) {
      Tensor wide = Types.cast(gradNormed, ScalarType.Float);
      chunk.of(gradient).add_(mixerNorm.backward(wide, chunk.of(x), normed));
    }
  }

  private void feedForwardBackward(Tensor middle, @Nullable Tensor kept, Tensor gradient) {
    Norm.Result normed = feedForwardNorm.forward(middle);
    Tensor n = Types.cast(normed.out(), product);
    Tensor expanded = kept;
    if (expanded == null) {
      expanded = workspace.take(product, n.size(0), feedForward);
      expand.forward(n, expanded);
    }
    Tensor activated = gelu(expanded);
    Norm.Result inner = expandedNorm.forward(activated);
    Tensor gradOut = Types.cast(gradient, product);
    contract.backwardParameters(inner.out(), gradOut);
    Tensor gradInner = workspace.take(product, n.size(0), feedForward);
    contract.backwardInput(gradOut, gradInner);
    Tensor gradExpanded = gradInner;
    torch.gelu_backward_out(
        gradExpanded, expandedNorm.backward(gradInner, activated, inner), expanded);
    expand.backwardParameters(n, gradExpanded);
    Tensor gradNormed = workspace.take(product, n.size(0), hidden);
    expand.backwardInput(gradExpanded, gradNormed);
    gradient.add_(
        feedForwardNorm.backward(Types.cast(gradNormed, ScalarType.Float), middle, normed));
  }

  private Tensor gelu(Tensor x) {
    Tensor out = workspace.take(product, x.size(0), x.size(1));
    return torch.gelu_out(out, x);
  }

  void prepare() {
    mixer.prepare();
    expand.prepare();
    contract.prepare();
  }

  @Override
  public void close() {
    mixer.close();
    List.of(expand, contract).forEach(Linear::close);
    List.of(mixerNorm, feedForwardNorm, expandedNorm).forEach(Norm::close);
  }
}
