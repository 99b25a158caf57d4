// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.RuntimeConfig.Precision;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.LongFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Multi-head attention of any pattern as a mixer:
///
///     mixed = out_proj(LN(attention(rotate(q_proj(x)), rotate(k_proj(x)), v_proj(x))))
///
/// Queries, keys, values and attention's output are as long as the sequence, everything else as a
/// chunk.
final class AttentionMixer implements Mixer {
  private final Workspace workspace;
  private final int heads;
  private final int hidden;
  private final ScalarType product;
  private final Shared shared;
  private final Linear queryProjection;
  private final Linear keyProjection;
  private final Linear valueProjection;
  private final Norm innerNorm;
  private final Linear outProjection;

  AttentionMixer(
      Parameters parameters,
      Workspace workspace,
      int heads,
      Precision precision,
      int layer,
      Shared shared) {
    String prefix = Blueprint.mixerPrefix(layer);
    this.workspace = workspace;
    this.heads = heads;
    this.hidden = (int) parameters.value(prefix + "out_proj.bias").numel();
    this.product = Types.product(precision);
    this.shared = shared;
    queryProjection = new Linear(parameters, prefix + "q_proj", true, precision);
    keyProjection = new Linear(parameters, prefix + "k_proj", true, precision);
    valueProjection = new Linear(parameters, prefix + "v_proj", true, precision);
    innerNorm = new Norm(parameters, prefix + "inner_attn_ln");
    outProjection = new Linear(parameters, prefix + "out_proj", true, precision);
  }

  /// What layers of one attention share.
  static final class Shared implements AutoCloseable {
    private final OptionalLong period;
    private final LongFunction<Positions> makePositions;

    @SuppressWarnings("NullAway.Init") // the model says it before it runs
    private AttentionOperator operator;

    private @Nullable Positions positions;
    private long positionsFor = -1;

    /// @param period nothing attends across its multiples; empty where there is none
    /// @param makePositions of a window of so many tokens; closed here
    Shared(OptionalLong period, LongFunction<Positions> makePositions) {
      this.period = period;
      this.makePositions = makePositions;
    }

    /// Sets what attends from now on.
    ///
    /// @param other stays the caller's
    void use(AttentionOperator other) {
      operator = other;
    }

    /// The operator sees the span's rows alone: right only where no segment is cut.
    ///
    /// @throws IllegalArgumentException where the span begins or ends inside a segment
    private void requireWholeSegments(Span span) {
      long end = span.first() + span.tokens();
      boolean whole = span.first() == 0 && end == span.window();
      boolean between =
          period.isPresent()
              && span.first() % period.getAsLong() == 0
              && (end == span.window() || end % period.getAsLong() == 0);
      if (!whole && !between) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "this attention needs spans that cut no segment, multiples of %s tokens: first=%d, tokens=%d",
                period.isPresent() ? period.getAsLong() : "the window's",
                span.first(),
                span.tokens()));
      }
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

  /// Rotated queries and keys, values, and attention's output.
  private record Attended(
      Tensor queries, Tensor keys, Tensor values, AttentionOperator.Output output)
      implements Saved {}

  @Override
  public Saved forward(Source x, Shape shape, Sink mixed) {
    shared.requireWholeSegments(shape.span());
    Positions positions = shared.positions(shape);
    Tensor queries = headed(shape);
    Tensor keys = headed(shape);
    Tensor values = headed(shape);
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        Tensor n = x.rows(chunk);
        Tensor q = headed(chunk, queries);
        Tensor k = headed(chunk, keys);
        queryProjection.forward(n, q.view(-1, hidden));
        keyProjection.forward(n, k.view(-1, hidden));
        valueProjection.forward(n, headed(chunk, values).view(-1, hidden));
        positions.rotateQueries(q, shape.position(chunk));
        positions.rotateKeys(k, shape.position(chunk));
      }
    }
    AttentionOperator.Output output =
        new AttentionOperator.Output(
            headed(shape), workspace.take(ScalarType.Float, shape.batch(), heads, shape.tokens()));
    shared.operator.forward(queries, keys, values, output);
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        Tensor n = innerNorm.forward(flat(chunk, output.out())).out();
        Tensor projected = workspace.take(product, n.size(0), hidden);
        outProjection.forward(n, projected);
        mixed.put(chunk, projected);
      }
    }
    return new Attended(queries, keys, values, output);
  }

  @Override
  public void backward(Source x, Saved saved, Shape shape, Source gradMixed, Sink gradX) {
    Attended attended = (Attended) saved;
    Positions positions = shared.positions(shape);
    Tensor gradAttended = headed(shape);
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        Tensor gradOut = gradMixed.rows(chunk);
        joinBackward(flat(chunk, attended.output.out()), gradOut, flat(chunk, gradAttended));
      }
    }
    AttentionOperator.Gradients gradients =
        new AttentionOperator.Gradients(headed(shape), headed(shape), headed(shape));
    shared.operator.backward(
        attended.queries, attended.keys, attended.values, attended.output, gradAttended, gradients);
    for (Chunk chunk : shape.chunks()) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        Tensor gradQueries = headed(chunk, gradients.gradQ());
        Tensor gradKeys = headed(chunk, gradients.gradK());
        positions.rotateQueriesBackward(gradQueries, shape.position(chunk));
        positions.rotateKeysBackward(gradKeys, shape.position(chunk));
        gradX.put(
            chunk,
            projectBackward(
                x.rows(chunk),
                gradQueries.view(-1, hidden),
                gradKeys.view(-1, hidden),
                flat(chunk, gradients.gradV())));
      }
    }
  }

  private void joinBackward(Tensor attended, Tensor gradOut, Tensor gradAttended) {
    Norm.Result inner = innerNorm.forward(attended);
    outProjection.backwardParameters(inner.out(), gradOut);
    Tensor gradInner = workspace.take(product, attended.size(0), hidden);
    outProjection.backwardInput(gradOut, gradInner);
    gradAttended.copy_(innerNorm.backward(gradInner, attended, inner));
  }

  private Tensor projectBackward(Tensor n, Tensor gradQ, Tensor gradK, Tensor gradV) {
    queryProjection.backwardParameters(n, gradQ);
    keyProjection.backwardParameters(n, gradK);
    valueProjection.backwardParameters(n, gradV);
    Tensor gradX = workspace.take(product, n.size(0), hidden);
    queryProjection.backwardInput(gradQ, gradX);
    keyProjection.backwardInputAdd(gradK, gradX);
    valueProjection.backwardInputAdd(gradV, gradX);
    return gradX;
  }

  /// An uninitialised buffer [B, n, H, D].
  private Tensor headed(Shape shape) {
    return workspace.take(product, shape.batch(), shape.tokens(), heads, hidden / heads);
  }

  /// The chunk's rows of a [B, n, H, D] tensor, as [b, n, H, D].
  private Tensor headed(Chunk chunk, Tensor all) {
    return chunk
        .of(all.view(-1, heads, hidden / heads))
        .view(chunk.sequences(), chunk.tokens(), heads, hidden / heads);
  }

  /// The same as [rows, C].
  private Tensor flat(Chunk chunk, Tensor all) {
    return chunk.of(all.view(-1, hidden));
  }

  @Override
  public void prepare() {
    linears().forEach(Linear::prepare);
  }

  @Override
  public String describe() {
    return shared.operator.describe();
  }

  private List<Linear> linears() {
    return List.of(queryProjection, keyProjection, valueProjection, outProjection);
  }

  @Override
  public void close() {
    linears().forEach(Linear::close);
    innerNorm.close();
  }
}
