// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.ShardPlan;
import dev.longnet.attention.pattern.Shards;
import dev.longnet.attention.pattern.SpanPattern;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Reference;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// Computes attention of one shard of a sequence whose other shards are elsewhere, forward and
/// backward. All shards together compute what [DilatedAttention] computes of the whole sequence, to
/// rounding.
///
/// - Tensors hold the shard's own n rows, [B, n, H, D]. n may be 0: an empty shard takes part in
///   exchanges with 0 bytes.
/// - Shards of a sequence call the same methods in the same order, with the same batch, head size
///   and element types.
/// - [ShardPlan] says which rows travel. Each travels once, in the type of K and V. Gradients of K
///   and V come back in float32, or float64 where tensors are.
/// - Results have the same bits on every run, for any number of threads and whoever arrives first.
///   They depend on the boundaries.
/// - Working memory is kept for the next call. One thread at a time may call an instance.
/// - After a call that failed an instance is of no more use, because an exchange may be under way.
public final class ShardedAttention implements AutoCloseable {
  private final DilatedAttention attention;
  private final ShardPlan plan;
  private final AttentionPattern local;
  private final ShardRows rows;
  private final double remotePairs;

  private ShardedAttention(DilatedAttention attention, ShardPlan plan, RowExchange exchange) {
    Shards shards = plan.shards();
    int shard = plan.shard();
    this.attention = attention;
    this.plan = plan;
    this.local =
        SpanPattern.of(
            attention.pattern(), shards.first(shard), shards.length(shard), shards.tokens());
    this.rows = new ShardRows(plan, exchange);
    this.remotePairs = plan.remotePairs();
  }

  /// @param attention says the whole sequence's pattern and how it is computed
  /// @param boundaries the first position of every shard, then the number of tokens
  /// @param shard which of them this is, from 0
  /// @param heads H
  /// @param exchange stays the caller's
  public static ShardedAttention of(
      DilatedAttention attention, long[] boundaries, int shard, int heads, RowExchange exchange) {
    Objects.requireNonNull(exchange, "exchange");
    return new ShardedAttention(
        attention,
        ShardPlan.of(attention.pattern(), Shards.of(boundaries), shard, heads),
        exchange);
  }

  /// Rows that are on their way from other shards. One backward pass uses them, or they are closed.
  public static final class Prefetched implements AutoCloseable {
    private final ShardedAttention owner;
    private final Transfers.Transfer transfer;
    private final AttentionTensor like;
    private boolean used;

    private Prefetched(ShardedAttention owner, Transfers.Transfer transfer, AttentionTensor like) {
      this.owner = owner;
      this.transfer = transfer;
      this.like = like;
    }

    private Transfers.Transfer use() {
      used = true;
      return transfer;
    }

    /// Waits for the rows and drops them. It does nothing once they were used.
    @Override
    public void close() {
      if (!used) {
        use().await().close();
      }
    }
  }

  /// Which rows travel.
  public ShardPlan plan() {
    return plan;
  }

  /// Bytes of working memory held for the next call.
  public long workingBytes() {
    return rows.buffers().bytes();
  }

  /// Computes out and lse of the shard's queries.
  ///
  /// @param inputs q, k, v [B, n, H, D]; k and v of one type
  /// @param output overwritten; of the inputs' shape
  public void forward(Qkv inputs, AttentionOutput output) {
    AttentionTensor q = inputs.q();
    AttentionTensor out = output.out();
    checkShape("q", q);
    Checks.forward(q, output);
    Engine engine =
        attention.engine(
            local, q.data(), inputs.k().data(), inputs.v().data(), out.data(), output.lse());
    Prefetched arriving = prefetch(inputs.k(), inputs.v());
    if (!receives(q)) {
      if (q.tokens() > 0) {
        new ForwardPass(engine, inputs, output).run();
      }
      arriving.close();
      return;
    }
    try (Buffers.Buffer wide = rows.buffers().take(wideBytes(out));
        Buffers.Buffer norms = rows.buffers().take(8 * q.batch() * q.heads() * q.tokens())) {
      AttentionTensor sums = sums(out, wide);
      new ForwardPass(engine, inputs, sums, norms.memory(), ElementType.FLOAT64).run();
      try (ShardRows.Remote remote = rows.gather(engine, arriving.use(), inputs.k())) {
        new RemoteForward(engine, plan, q, remote.rows(), sums, norms.memory(), output)
            .run(threads(engine, q));
      }
    }
    Reference.reachabilityFence(inputs);
    Reference.reachabilityFence(output);
  }

  /// Starts the exchange that [#backward] needs. A caller that knows its next backward pass starts
  /// it early, while it computes something else; then all shards do.
  ///
  /// @param k [B, n, H, D]; may change once this returns
  /// @param v of the same type
  public Prefetched prefetch(AttentionTensor k, AttentionTensor v) {
    checkShape("k", k);
    Checks.sameShape(k, "v", v);
    if (k.type() != v.type()) {
      throw new IllegalArgumentException(
          "k and v of a shard must have one type: " + k.type() + ", " + v.type());
    }
    Engine engine = attention.engine(local, k.data(), v.data());
    Prefetched arriving = new Prefetched(this, rows.fetch(engine, k, v), k);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    return arriving;
  }

  /// Computes the exact gradients with respect to the shard's q, k and v from the gradient with
  /// respect to its out. What other shards' queries add to dK and dV is exchanged.
  ///
  /// @param inputs q, k, v [B, n, H, D]; k and v of one type
  /// @param output what [#forward] gave for these inputs
  /// @param gradOut dO [B, n, H, D]
  /// @param gradients dQ, dK, dV, overwritten; of the inputs' shape
  /// @param prefetched what [#prefetch] gave for these inputs; with null the exchange starts here
  public void backward(
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      Qkv gradients,
      @Nullable Prefetched prefetched) {
    AttentionTensor q = inputs.q();
    checkBackward(inputs, output, gradOut, gradients, prefetched);
    Engine engine =
        attention.engine(
            local,
            q.data(),
            inputs.k().data(),
            inputs.v().data(),
            output.out().data(),
            output.lse(),
            gradOut.data(),
            gradients.q().data(),
            gradients.k().data(),
            gradients.v().data());
    Prefetched arriving = prefetched == null ? prefetch(inputs.k(), inputs.v()) : prefetched;
    boolean receives = receives(q);
    boolean sends = rows.sends();
    Buffers buffers = rows.buffers();
    try (Buffers.Buffer wideQ = buffers.take(receives ? wideBytes(gradients.q()) : 0);
        Buffers.Buffer wideK = buffers.take(sends ? wideBytes(gradients.k()) : 0);
        Buffers.Buffer wideV = buffers.take(sends ? wideBytes(gradients.v()) : 0)) {
      Qkv sums =
          new Qkv(
              receives ? sums(gradients.q(), wideQ) : gradients.q(),
              sends ? sums(gradients.k(), wideK) : gradients.k(),
              sends ? sums(gradients.v(), wideV) : gradients.v());
      // The remote folds first: what they give travels while the local ones are computed.
      ElementType type = q.type().sums();
      Buffers.Buffer back = rows.gradients(q.batch(), q.headSize(), type);
      if (receives) {
        remoteBackward(engine, inputs, output, gradOut, sums.q(), arriving.use(), back.memory());
      } else {
        arriving.close();
      }
      Transfers.Transfer returning = rows.giveBack(back, q.batch(), q.headSize(), type);
      if (q.tokens() > 0) {
        new BackwardPass(engine, inputs, output, gradOut, sums, GradientMode.EXACT, receives).run();
      }
      rows.add(engine, returning, sums.k(), sums.v());
      round(engine, sums, gradients);
    }
    Reference.reachabilityFence(inputs);
    Reference.reachabilityFence(output);
    Reference.reachabilityFence(gradOut);
    Reference.reachabilityFence(gradients);
  }

  /// @param sums receives dK and dV of the received rows
  private void remoteBackward(
      Engine engine,
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      AttentionTensor gradQ,
      Transfers.Transfer arriving,
      MemorySegment sums) {
    AttentionTensor q = inputs.q();
    ElementType type = q.type().sums();
    long deltaBytes = q.batch() * q.heads() * q.tokens() * type.bytes();
    try (ShardRows.Remote remote = rows.gather(engine, arriving, inputs.k());
        ShardRows.Remote ofKeys = rows.room(q.batch(), q.headSize(), type);
        Buffers.Buffer delta = rows.buffers().take(deltaBytes)) {
      new RemoteBackward(
              engine,
              plan,
              q,
              output,
              gradOut,
              gradQ,
              remote.rows(),
              ofKeys.rows(),
              delta.memory(),
              sums,
              rows.received())
          .run(threads(engine, q));
    }
  }

  /// Rounds sums into the caller's tensors where they are not the same.
  private static void round(Engine engine, Qkv sums, Qkv gradients) {
    AttentionKernel kernel = engine.kernel();
    List<AttentionTensor> from = List.of(sums.q(), sums.k(), sums.v());
    List<AttentionTensor> to = List.of(gradients.q(), gradients.k(), gradients.v());
    for (int i = 0; i < from.size(); i++) {
      AttentionTensor source = from.get(i);
      AttentionTensor target = to.get(i);
      if (source != target) {
        new Blocks(source.batch(), source.heads(), source.tokens(), 2048, false)
            .run(
                engine,
                ShardRows.movers(engine, wideBytes(target)),
                List.of(),
                block ->
                    kernel.copy(
                        block.rows(source, block.rows()), block.rows(target, block.rows())));
      }
    }
  }

  private void checkShape(String name, AttentionTensor tensor) {
    long tokens = plan.shards().length(plan.shard());
    if (tensor.tokens() != tokens || tensor.heads() != plan.heads()) {
      throw new IllegalArgumentException(
          name
              + " must hold the shard's "
              + tokens
              + " tokens and "
              + plan.heads()
              + " heads: "
              + tensor.shape());
    }
  }

  private void checkBackward(
      Qkv inputs,
      AttentionOutput output,
      AttentionTensor gradOut,
      Qkv gradients,
      @Nullable Prefetched prefetched) {
    AttentionTensor q = inputs.q();
    checkShape("q", q);
    Checks.backward(q, output, gradOut, gradients);
    if (prefetched != null
        && (prefetched.owner != this
            || prefetched.used
            || !prefetched.like.sameShape(inputs.k())
            || prefetched.like.type() != inputs.k().type())) {
      throw new IllegalArgumentException(
          "prefetched rows must be this shard's, of tensors of this shape and type, and serve one"
              + " backward pass");
    }
  }

  /// Whether a call on tensors like `q` folds rows of other shards.
  private boolean receives(AttentionTensor q) {
    return rows.receives() && q.batch() > 0;
  }

  /// How many threads the folds to other shards' keys are worth.
  private int threads(Engine engine, AttentionTensor q) {
    return engine.usefulThreads(4 * remotePairs * q.headSize() * q.batch(), q);
  }

  /// Bytes of the accumulator of a tensor that cannot be its own.
  private static long wideBytes(AttentionTensor tensor) {
    ElementType type = tensor.type().sums();
    return tensor.type() == type
        ? 0
        : tensor.batch() * tensor.tokens() * tensor.heads() * tensor.headSize() * type.bytes();
  }

  /// The accumulator of a tensor: itself, or float32 elsewhere.
  private static AttentionTensor sums(AttentionTensor tensor, Buffers.Buffer wide) {
    ElementType type = tensor.type().sums();
    return tensor.type() == type
        ? tensor
        : AttentionTensor.contiguous(
            wide.memory(),
            type,
            tensor.batch(),
            tensor.tokens(),
            tensor.heads(),
            tensor.headSize());
  }

  /// Releases working memory. Exchanges have ended by then.
  @Override
  public void close() {
    rows.close();
  }
}
