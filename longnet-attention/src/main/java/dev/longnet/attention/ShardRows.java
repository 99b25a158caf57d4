// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Positions;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.attention.pattern.ShardPlan;
import java.lang.foreign.MemorySegment;

/// Carries the rows of a shard: K and V to the shards whose queries see them, and dK and dV back.
/// Both ways a row lies at the same place of its part.
final class ShardRows implements AutoCloseable {
  /// Below so many bytes one thread alone moves rows.
  private static final long WORTH_SHARING = 1 << 20;

  private final ShardPlan plan;
  private final long first;
  private final ExchangeLayout sent;
  private final ExchangeLayout received;
  private final RemoteKeys.Runs runs;
  private final Transfers transfers;

  ShardRows(ShardPlan plan, RowExchange exchange) {
    int shards = plan.shards().count();
    this.plan = plan;
    this.first = plan.shards().first(plan.shard());
    this.sent = new ExchangeLayout(shards, plan.heads(), (to, head) -> plan.sent(to, head).count());
    this.received =
        new ExchangeLayout(shards, plan.heads(), (from, head) -> plan.received(from, head).count());
    this.runs = new RemoteKeys.Runs(plan);
    this.transfers = new Transfers(exchange);
  }

  Buffers buffers() {
    return transfers.buffers();
  }

  /// Whether other shards need rows of this one.
  boolean sends() {
    return sent.rows() > 0;
  }

  /// Whether this shard needs rows of others.
  boolean receives() {
    return received.rows() > 0;
  }

  /// How what this shard received lies in its buffer.
  ExchangeLayout received() {
    return received;
  }

  /// Sends K and V to the shards that need them.
  ///
  /// @return what brings the rows that this shard needs
  Transfers.Transfer fetch(Engine engine, AttentionTensor k, AttentionTensor v) {
    long rowBytes = (long) k.headSize() * k.type().bytes();
    Buffers.Buffer send = buffers().take(2 * k.batch() * sent.rows() * rowBytes);
    MemorySegment to = send.memory();
    engine.run(
        movers(engine, to.byteSize()),
        2 * k.batch() * k.heads(),
        task -> {
          boolean values = task % 2 == 1;
          long sequence = task / 2 / k.heads();
          pack(values ? v : k, values, sequence, (int) (task / 2 % k.heads()), to);
        });
    return transfers.start(
        send, sent.bytes(k.batch(), rowBytes), received.bytes(k.batch(), rowBytes));
  }

  /// Copies one head's rows of a sequence for all shards that need them.
  private void pack(
      AttentionTensor tensor, boolean values, long sequence, int head, MemorySegment to) {
    long bytes = (long) tensor.headSize() * tensor.type().bytes();
    HeadRows rows = tensor.rows(sequence, head, new Rows(0, 1, tensor.tokens()));
    for (int shard = 0; shard < plan.shards().count(); shard++) {
      Positions positions = plan.sent(shard, head);
      long row = sent.row(tensor.batch(), shard, values, sequence, head);
      for (int i = 0; i < positions.count(); i++) {
        long from = rows.byteOffset(positions.at(i) - first);
        MemorySegment.copy(rows.data(), from, to, (row + i) * bytes, bytes);
      }
    }
  }

  /// Remote rows, and the memory they lie in.
  record Remote(RemoteKeys rows, Buffers.Buffer keys, Buffers.Buffer values)
      implements AutoCloseable {
    @Override
    public void close() {
      keys.close();
      values.close();
    }
  }

  /// Memory for one row of every remote key row. Its content is unspecified.
  Remote room(long batch, int headSize, ElementType type) {
    long bytes = batch * runs.rows() * headSize * type.bytes();
    Buffers.Buffer keys = buffers().take(bytes);
    Buffers.Buffer values = buffers().take(bytes);
    return new Remote(
        new RemoteKeys(runs, type, headSize, keys.memory(), values.memory()), keys, values);
  }

  /// Waits for K and V and puts each row where folds want it.
  ///
  /// @param like a tensor of the rows' batch, head size and type
  Remote gather(Engine engine, Transfers.Transfer arriving, AttentionTensor like) {
    try (Buffers.Buffer arrived = arriving.await()) {
      Remote remote = room(like.batch(), like.headSize(), like.type());
      MemorySegment from = arrived.memory();
      engine.run(
          movers(engine, remote.keys.memory().byteSize()),
          like.batch() * like.heads(),
          task ->
              remote.rows.gather(
                  from, received, like.batch(), task / like.heads(), (int) (task % like.heads())));
      return remote;
    }
  }

  /// Memory for dK and dV of the received rows.
  Buffers.Buffer gradients(long batch, int headSize, ElementType type) {
    return buffers().take(2 * batch * received.rows() * headSize * type.bytes());
  }

  /// Sends dK and dV back to the shards whose rows they belong to.
  ///
  /// @param gradients what [#gradients] gave for this batch, head size and type
  Transfers.Transfer giveBack(
      Buffers.Buffer gradients, long batch, int headSize, ElementType type) {
    long rowBytes = (long) headSize * type.bytes();
    return transfers.start(gradients, received.bytes(batch, rowBytes), sent.bytes(batch, rowBytes));
  }

  /// Waits for what other shards computed of this shard's dK and dV and adds it, in the order of
  /// shards.
  ///
  /// @param gradK float32 or float64
  void add(
      Engine engine, Transfers.Transfer arriving, AttentionTensor gradK, AttentionTensor gradV) {
    try (Buffers.Buffer arrived = arriving.await()) {
      if (!sends()) {
        return;
      }
      MemorySegment from = arrived.memory();
      engine.run(
          movers(engine, from.byteSize()),
          2 * gradK.batch() * gradK.heads(),
          task -> {
            boolean values = task % 2 == 1;
            long sequence = task / 2 / gradK.heads();
            int head = (int) (task / 2 % gradK.heads());
            add(values ? gradV : gradK, values, sequence, head, from);
          });
    }
  }

  private void add(
      AttentionTensor sums, boolean values, long sequence, int head, MemorySegment arrived) {
    long size = sums.headSize();
    HeadRows rows = sums.rows(sequence, head, new Rows(0, 1, sums.tokens()));
    RowSums adder = new RowSums(sums.type(), sums.headSize());
    for (int shard = 0; shard < plan.shards().count(); shard++) {
      Positions positions = plan.sent(shard, head);
      long row = sent.row(sums.batch(), shard, values, sequence, head);
      for (int i = 0; i < positions.count(); i++) {
        long to = rows.offset() + (positions.at(i) - first) * rows.stride();
        adder.add(arrived, (row + i) * size, rows.data(), to);
      }
    }
  }

  static int movers(Engine engine, long bytes) {
    return bytes < WORTH_SHARING ? 1 : engine.threads();
  }

  @Override
  public void close() {
    transfers.close();
  }
}
