// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.Arrays;

/// The exchanges of one shard, their memory and their times.
final class Transfers implements AutoCloseable {
  private final RowExchange exchange;
  private final int shard;
  private final Buffers buffers = new Buffers();
  private long bytes;
  private long exposed;
  private long hidden;

  Transfers(RowExchange exchange, int shard) {
    this.exchange = exchange;
    this.shard = shard;
  }

  Buffers buffers() {
    return buffers;
  }

  /// An exchange under way, and its memory.
  final class Transfer {
    private final RowExchange.Pending pending;
    private final Buffers.Buffer send;
    private final Buffers.Buffer receive;
    private final long began;
    private boolean arrived;

    private Transfer(
        Buffers.Buffer send, long[] sendBytes, Buffers.Buffer receive, long[] receiveBytes) {
      this.send = send;
      this.receive = receive;
      long start = System.nanoTime();
      this.pending = exchange.start(send.memory(), sendBytes, receive.memory(), receiveBytes);
      this.began = System.nanoTime();
      exposed += began - start;
      bytes += Arrays.stream(sendBytes).sum() - sendBytes[shard];
    }

    /// Waits for what the other shards sent. What was sent may change from now on.
    Buffers.Buffer await() {
      if (!arrived) {
        long start = System.nanoTime();
        pending.await();
        exposed += System.nanoTime() - start;
        hidden += start - began;
        arrived = true;
        send.close();
      }
      return receive;
    }
  }

  /// @param send filled; given back once all is sent
  Transfer start(Buffers.Buffer send, long[] sendBytes, long[] receiveBytes) {
    Buffers.Buffer receive = buffers.take(Arrays.stream(receiveBytes).sum());
    return new Transfer(send, sendBytes, receive, receiveBytes);
  }

  /// What was exchanged since the last call.
  ShardedAttention.Traffic take() {
    ShardedAttention.Traffic traffic =
        new ShardedAttention.Traffic(bytes, exposed * 1e-9, hidden * 1e-9);
    bytes = 0;
    exposed = 0;
    hidden = 0;
    return traffic;
  }

  @Override
  public void close() {
    buffers.close();
  }
}
