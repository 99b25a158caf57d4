package dev.longnet.lm.model;

import dev.longnet.core.config.ModelConfig;
import java.util.List;
import java.util.stream.Stream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// One Sub-LN layer (MAGNETO), forward and backward:
///
///     m = x + out_proj(LN(attention(rotate(q_proj(n)), rotate(k_proj(n)), v_proj(n)))),  n = LN(x)
///     y = m + fc2(LN(gelu(fc1(LN(m)))))
///
/// The backward pass is written out: matrix products are kept or made again as [ModelOptions] says, everything
/// element-wise is computed again, token-wise parts run in chunks, and the only buffers as long as the sequence are
/// those of width C (and fc1's output, where it is kept).
final class Layer implements AutoCloseable {
  private final Workspace workspace;
  private final int heads;
  private final int hidden;
  private final int feedForward;
  private final ScalarType product;
  private final Norm attentionNorm;
  private final Linear queryProjection;
  private final Linear keyProjection;
  private final Linear valueProjection;
  private final Norm innerNorm;
  private final Linear outProjection;
  private final Norm feedForwardNorm;
  private final Linear expand;
  private final Norm expandedNorm;
  private final Linear contract;

  Layer(
      Parameters parameters,
      Workspace workspace,
      ModelConfig config,
      ModelOptions options,
      int index) {
    this.workspace = workspace;
    this.heads = config.heads();
    this.hidden = config.hidden();
    this.feedForward = config.feedForward();
    this.product = Types.product(options.precision());
    String prefix = "layers." + index + ".";
    attentionNorm = new Norm(parameters, prefix + "self_attn_layer_norm");
    queryProjection =
        new Linear(parameters, prefix + "self_attn.q_proj", true, options.precision());
    keyProjection = new Linear(parameters, prefix + "self_attn.k_proj", true, options.precision());
    valueProjection =
        new Linear(parameters, prefix + "self_attn.v_proj", true, options.precision());
    innerNorm = new Norm(parameters, prefix + "self_attn.inner_attn_ln");
    outProjection =
        new Linear(parameters, prefix + "self_attn.out_proj", true, options.precision());
    feedForwardNorm = new Norm(parameters, prefix + "final_layer_norm");
    expand = new Linear(parameters, prefix + "ffn.fc1", true, options.precision());
    expandedNorm = new Norm(parameters, prefix + "ffn.ffn_layernorm");
    contract = new Linear(parameters, prefix + "ffn.fc2", true, options.precision());
  }

  /// What a forward pass leaves for the backward pass, beside its input.
  ///
  /// @param middle m [T, C] float32
  /// @param expanded fc1's output [T, F], or null: then the backward pass computes it again
  record Saved(
      Tensor queries,
      Tensor keys,
      Tensor values,
      AttentionOperator.Output attended,
      Tensor middle,
      Tensor expanded) {}

  /// Rotated queries and keys, and values, [b, n, H, D] each, of tokens at positions first, first +
  /// 1, ...
  ///
  /// @param x [b n, C] float32
  void project(
      Tensor x, Positions positions, long first, Tensor queries, Tensor keys, Tensor values) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Tensor n = Types.cast(attentionNorm.forward(x).out(), product);
      queryProjection.forward(n, queries.view(-1, hidden));
      keyProjection.forward(n, keys.view(-1, hidden));
      valueProjection.forward(n, values.view(-1, hidden));
      positions.rotateQueries(queries, first);
      positions.rotateKeys(keys, first);
    }
  }

  /// m.
  ///
  /// @param x the layer's input [n, C] float32
  /// @param attended attention's output [n, C]
  /// @param middle [n, C] float32, overwritten
  void join(Tensor x, Tensor attended, Tensor middle) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Tensor n = innerNorm.forward(attended).out();
      Tensor projected = workspace.take(product, n.size(0), hidden);
      outProjection.forward(n, projected);
      torch.add_out(middle, x, projected);
    }
  }

  /// y.
  ///
  /// @param middle m [n, C] float32
  /// @param expanded [n, F], overwritten with fc1's output
  /// @param out [n, C] float32, overwritten; may be `middle`
  void feedForward(Tensor middle, Tensor expanded, Tensor out) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      expand.forward(Types.cast(feedForwardNorm.forward(middle).out(), product), expanded);
      Tensor n = expandedNorm.forward(gelu(expanded)).out();
      Tensor contracted = workspace.take(product, n.size(0), hidden);
      contract.forward(n, contracted);
      torch.add_out(out, middle, contracted);
    }
  }

  /// The whole layer.
  ///
  /// @param x [T, C] float32
  /// @param out y [T, C] float32, overwritten; null: only what the backward pass needs is computed
  /// @param keepExpanded whether the result holds fc1's output
  /// @return buffers of the workspace's innermost frame
  Saved forward(
      Tensor x,
      Shape shape,
      Positions positions,
      AttentionOperator attention,
      Tensor out,
      boolean keepExpanded) {
    Tensor queries = shape.headed(workspace, product, heads, hidden);
    Tensor keys = shape.headed(workspace, product, heads, hidden);
    Tensor values = shape.headed(workspace, product, heads, hidden);
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        project(
            chunk.of(x),
            positions,
            chunk.first(),
            headed(chunk, queries),
            headed(chunk, keys),
            headed(chunk, values));
      }
    }
    AttentionOperator.Output attended =
        new AttentionOperator.Output(
            shape.headed(workspace, product, heads, hidden),
            workspace.take(ScalarType.Float, shape.batch(), heads, shape.tokens()));
    attention.forward(queries, keys, values, attended);
    Tensor middle = workspace.take(ScalarType.Float, x.size(0), hidden);
    Tensor expanded = keepExpanded ? workspace.take(product, x.size(0), feedForward) : null;
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        join(chunk.of(x), chunk.of(attended.out().view(-1, hidden)), chunk.of(middle));
        if (out != null) {
          feedForward(
              chunk.of(middle),
              keepExpanded
                  ? chunk.of(expanded)
                  : workspace.take(product, chunk.rows(), feedForward),
              chunk.of(out));
        }
      }
    }
    return new Saved(queries, keys, values, attended, middle, expanded);
  }

  /// Adds the parameters' gradients.
  ///
  /// @param x the layer's input [T, C]
  /// @param gradient [T, C] float32: in, of the loss with respect to the output; out, with respect
  ///   to the input
  void backward(
      Tensor x,
      Saved saved,
      Shape shape,
      Positions positions,
      AttentionOperator attention,
      Tensor gradient) {
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Tensor gradAttended = shape.headed(workspace, product, heads, hidden);
      for (Chunk chunk : shape.chunks()) {
        try (PointerScope _ = new PointerScope();
            Workspace.Frame _ = workspace.frame()) {
          feedForwardBackward(
              chunk.of(saved.middle),
              saved.expanded == null ? null : chunk.of(saved.expanded),
              chunk.of(gradient));
          joinBackward(
              chunk.of(saved.attended.out().view(-1, hidden)),
              chunk.of(gradient),
              chunk.of(gradAttended.view(-1, hidden)));
        }
      }
      AttentionOperator.Gradients gradients =
          new AttentionOperator.Gradients(
              shape.headed(workspace, product, heads, hidden),
              shape.headed(workspace, product, heads, hidden),
              shape.headed(workspace, product, heads, hidden));
      attention.backward(
          saved.queries, saved.keys, saved.values, saved.attended, gradAttended, gradients);
      for (Chunk chunk : shape.chunks()) {
        try (PointerScope _ = new PointerScope();
            Workspace.Frame _ = workspace.frame()) {
          Tensor gradQueries = headed(chunk, gradients.gradQ());
          Tensor gradKeys = headed(chunk, gradients.gradK());
          positions.rotateQueriesBackward(gradQueries, chunk.first());
          positions.rotateKeysBackward(gradKeys, chunk.first());
          projectBackward(
              chunk.of(x),
              gradQueries,
              gradKeys,
              headed(chunk, gradients.gradV()),
              chunk.of(gradient));
        }
      }
    }
  }

  private void feedForwardBackward(Tensor middle, Tensor kept, Tensor gradient) {
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

  private void joinBackward(Tensor attended, Tensor gradient, Tensor gradAttended) {
    Norm.Result inner = innerNorm.forward(attended);
    Tensor gradOut = Types.cast(gradient, product);
    outProjection.backwardParameters(inner.out(), gradOut);
    Tensor gradInner = workspace.take(product, attended.size(0), hidden);
    outProjection.backwardInput(gradOut, gradInner);
    gradAttended.copy_(innerNorm.backward(gradInner, attended, inner));
  }

  private void projectBackward(
      Tensor x, Tensor gradQueries, Tensor gradKeys, Tensor gradValues, Tensor gradient) {
    Norm.Result normed = attentionNorm.forward(x);
    Tensor n = Types.cast(normed.out(), product);
    Tensor queries = gradQueries.view(-1, hidden);
    Tensor keys = gradKeys.view(-1, hidden);
    Tensor values = gradValues.view(-1, hidden);
    queryProjection.backwardParameters(n, queries);
    keyProjection.backwardParameters(n, keys);
    valueProjection.backwardParameters(n, values);
    Tensor gradNormed = workspace.take(product, n.size(0), hidden);
    queryProjection.backwardInput(queries, gradNormed);
    keyProjection.backwardInputAdd(keys, gradNormed);
    valueProjection.backwardInputAdd(values, gradNormed);
    gradient.add_(attentionNorm.backward(Types.cast(gradNormed, ScalarType.Float), x, normed));
  }

  private Tensor gelu(Tensor x) {
    Tensor out = workspace.take(product, x.size(0), x.size(1));
    return torch.gelu_out(out, x);
  }

  /// The chunk's rows of a [B, N, H, D] tensor, as [b, n, H, D].
  private Tensor headed(Chunk chunk, Tensor all) {
    return chunk
        .of(all.view(-1, heads, hidden / heads))
        .view(chunk.sequences(), chunk.tokens(), heads, hidden / heads);
  }

  void prepare() {
    linears().forEach(Linear::prepare);
  }

  private Stream<Linear> linears() {
    return List.of(queryProjection, keyProjection, valueProjection, outProjection, expand, contract)
        .stream();
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
    List.of(attentionNorm, innerNorm, feedForwardNorm, expandedNorm).forEach(Norm::close);
  }
}
