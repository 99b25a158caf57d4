// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.util.Arrays;

/// The exchanges of one shard and their memory. Whoever carries the rows counts them.
final class Transfers implements AutoCloseable {
  private final RowExchange exchange;
  private final Buffers buffers = new Buffers();

  Transfers(RowExchange exchange) {
    this.exchange = exchange;
  }

  Buffers buffers() {
    return buffers;
  }

  /// An exchange under way, and its memory.
  final class Transfer {
    private final RowExchange.Pending pending;
    private final Buffers.Buffer send;
    private final Buffers.Buffer receive;
    private boolean arrived;

    private Transfer(
        Buffers.Buffer send, long[] sendBytes, Buffers.Buffer receive, long[] receiveBytes) {
      this.send = send;
      this.receive = receive;
      this.pending = exchange.start(send.memory(), sendBytes, receive.memory(), receiveBytes);
    }

    /// Waits for what the other shards sent. What was sent may change from now on.
    Buffers.Buffer await() {
      if (!arrived) {
        pending.await();
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

  @Override
  public void close() {
    buffers.close();
  }
}
