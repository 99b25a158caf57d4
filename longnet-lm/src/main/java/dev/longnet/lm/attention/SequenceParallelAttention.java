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
import dev.longnet.lm.torch.TensorMemory;
import java.lang.ref.Reference;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// Exact attention of windows that lie on several ranks: each computes the queries of its part, and
/// the ranks send one another the rows that these need, and back the gradients of these rows
/// ([ShardedAttention]). The Java kernels, on the CPU.
///
/// All ranks of a sequence make the same calls in the same order, those that hold no tokens too.
public final class SequenceParallelAttention implements AttentionOperator {
  private final DilatedAttention attention;
  private final SequenceShards shards;
  private final AttentionOperator whole;

  /// Of the last window's length. Held-out documents have many.
  private @Nullable Part part;

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
      if (part == null || part.window != span.window()) {
        release();
        part = new Part(span.window());
      }
      return part;
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
    attention.release();
    if (part != null) {
      part.release();
      part = null;
    }
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
  private final class Part implements JavaKernelOperator {
    private final long window;
    private final long[] boundaries;
    private final Map<Integer, ShardedAttention> byHeads = new HashMap<>();

    Part(long window) {
      this.window = window;
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
    public void forward(Tensor q, Tensor k, Tensor v, Output into) {
      AttentionInputs.check(q, "k", k, "v", v, "out", into.out());
      sharded(q)
          .forward(
              JavaKernelOperator.inputs(q, k, v),
              new AttentionOutput(
                  JavaKernelOperator.view("out", into.out()), TensorMemory.of(into.lse())));
      Reference.reachabilityFence(q);
      Reference.reachabilityFence(k);
      Reference.reachabilityFence(v);
      Reference.reachabilityFence(into);
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
      Qkv inputs = JavaKernelOperator.inputs(q, k, v);
      ShardedAttention.Prefetched rows = sharded(q).prefetch(inputs.k(), inputs.v());
      return (output, gradOut, into) -> {
        try (PointerScope scope = new PointerScope()) {
          Tensor dO = AttentionInputs.rows(gradOut);
          AttentionInputs.checkGradients(q, output, dO, into);
          sharded(q)
              .backward(
                  inputs,
                  new AttentionOutput(
                      JavaKernelOperator.view("out", output.out()),
                      TensorMemory.of(output.lse().contiguous())),
                  JavaKernelOperator.view("gradOut", dO),
                  JavaKernelOperator.gradients(into),
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

    @Override
    public String describe() {
      return SequenceParallelAttention.this.describe();
    }
  }
}
