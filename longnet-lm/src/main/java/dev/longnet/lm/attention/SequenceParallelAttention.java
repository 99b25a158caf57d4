// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.ShardedAttention;
import dev.longnet.attention.Workers;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.SequenceShards;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.Scopes;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Tensors;
import java.lang.ref.Reference;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Exact attention of windows that lie on several ranks: each computes the queries of its part, and
/// the ranks send one another the rows that these need, and back the gradients of these rows
/// ([ShardedAttention]). The Java kernels, on the CPU.
///
/// All ranks of a sequence make the same calls in the same order, those that hold no tokens too.
public final class SequenceParallelAttention implements AttentionOperator {
  private final DilatedAttention attention;
  private final SequenceShards shards;
  private final AttentionOperator whole;
  private final Map<Long, Part> parts = new HashMap<>();

  /// @param attention of whole windows
  public SequenceParallelAttention(DilatedAttention attention, SequenceShards shards) {
    this.attention = attention;
    this.shards = shards;
    this.whole = new JavaAttentionOperator(attention, GradientMode.EXACT);
  }

  /// Whole windows are this rank's own matter, others must be the ranks' parts.
  @Override
  public AttentionOperator over(Span span) {
    if (shards.share(span)) {
      return parts.computeIfAbsent(span.window(), _ -> new Part(span.window()));
    }
    if (!span.isWhole()) {
      Span own = shards.span(span.window());
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "this rank holds tokens %d to %d of windows of %d: first=%d, tokens=%d",
              own.first(),
              own.first() + own.tokens(),
              span.window(),
              span.first(),
              span.tokens()));
    }
    return this;
  }

  @Override
  public void release() {
    parts.values().forEach(Part::release);
    parts.clear();
  }

  @Override
  public AttentionOperator on(Workers workers) {
    return new SequenceParallelAttention(attention.on(workers), shards);
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    return whole.forward(q, k, v);
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    whole.forward(q, k, v, into);
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    return whole.backward(q, k, v, output, gradOut);
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    whole.backward(q, k, v, output, gradOut, into);
  }

  @Override
  public String describe() {
    return String.format(
        Locale.ROOT, "%s, part %d of %d", whole.describe(), shards.shard() + 1, shards.shards());
  }

  /// The operator of this rank's part of windows of one length.
  private final class Part implements AttentionOperator {
    private final long[] boundaries;
    private final Map<Integer, ShardedAttention> byHeads = new HashMap<>();

    Part(long window) {
      boundaries = shards.boundaries(window);
    }

    private ShardedAttention sharded(Tensor q) {
      return byHeads.computeIfAbsent(
          Math.toIntExact(q.size(2)),
          heads ->
              ShardedAttention.of(attention, boundaries, shards.shard(), heads, shards.exchange()));
    }

    @Override
    public void release() {
      byHeads.values().forEach(ShardedAttention::close);
      byHeads.clear();
    }

    @Override
    public Output forward(Tensor q, Tensor k, Tensor v) {
      Tensor[] results =
          Scopes.tensors(() -> {
            Tensor out = JavaAttentionOperator.dense(q);
            Tensor lse = Tensors.empty(ScalarType.Float, q, q.size(0), q.size(2), q.size(1));
            forward(q, k, v, new Output(out, lse));
            return new Tensor[] {out, lse};
          });
      return new Output(results[0], results[1]);
    }

    @Override
    public void forward(Tensor q, Tensor k, Tensor v, Output into) {
      AttentionInputs.check(q, "k", k, "v", v, "out", into.out());
      sharded(q)
          .forward(
              inputs(q, k, v),
              new AttentionOutput(
                  JavaAttentionOperator.view("out", into.out()), TensorMemory.of(into.lse())));
      Reference.reachabilityFence(q);
      Reference.reachabilityFence(k);
      Reference.reachabilityFence(v);
      Reference.reachabilityFence(into);
    }

    @Override
    public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
      Tensor[] results =
          Scopes.tensors(() -> {
            Tensor[] own = {
              JavaAttentionOperator.dense(q),
              JavaAttentionOperator.dense(q),
              JavaAttentionOperator.dense(q)
            };
            backward(q, k, v, output, gradOut, new Gradients(own[0], own[1], own[2]));
            return own;
          });
      return new Gradients(results[0], results[1], results[2]);
    }

    @Override
    public void backward(
        Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
      begin(q, k, v).finish(output, gradOut, into);
    }

    /// Asks for the other ranks' keys and values at once.
    @Override
    public Backward begin(Tensor q, Tensor k, Tensor v) {
      AttentionInputs.check(q, "k", k, "v", v);
      Qkv inputs = inputs(q, k, v);
      ShardedAttention.Prefetched rows = sharded(q).prefetch(inputs.k(), inputs.v());
      return (output, gradOut, into) -> {
        try (PointerScope scope = new PointerScope()) {
          Tensor dO = AttentionInputs.rows(gradOut);
          AttentionInputs.check(
              q,
              "out",
              output.out(),
              "gradOut",
              dO,
              "gradQ",
              into.gradQ(),
              "gradK",
              into.gradK(),
              "gradV",
              into.gradV());
          sharded(q)
              .backward(
                  inputs,
                  new AttentionOutput(
                      JavaAttentionOperator.view("out", output.out()),
                      TensorMemory.of(output.lse().contiguous())),
                  JavaAttentionOperator.view("gradOut", dO),
                  inputs(into.gradQ(), into.gradK(), into.gradV()),
                  rows);
        }
        Reference.reachabilityFence(q);
        Reference.reachabilityFence(k);
        Reference.reachabilityFence(v);
        Reference.reachabilityFence(output);
        Reference.reachabilityFence(gradOut);
        Reference.reachabilityFence(into);
      };
    }

    private static Qkv inputs(Tensor q, Tensor k, Tensor v) {
      return new Qkv(
          JavaAttentionOperator.view("q", q),
          JavaAttentionOperator.view("k", k),
          JavaAttentionOperator.view("v", v));
    }

    @Override
    public String describe() {
      return SequenceParallelAttention.this.describe();
    }
  }
}
