// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.lm.torch.TensorMemory;
import java.lang.foreign.MemorySegment;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// Rows at the edges of the parts of a window: those before a part's first row, or those behind its
/// last one. They may come from several ranks where parts are short.
///
/// @param reach so many rows, as far as the window has them
/// @param behind those behind a part, else those before it
record EdgeRows(SequenceShards shards, long window, int reach, boolean behind) {
  /// Positions [from, to).
  private record Range(long from, long to) {
    long count() {
      return Math.max(0, to - from);
    }

    Range and(Range other) {
      return new Range(Math.max(from, other.from), Math.min(to, other.to));
    }
  }

  private Range own(int shard) {
    long[] boundaries = shards.boundaries(window);
    return new Range(boundaries[shard], boundaries[shard + 1]);
  }

  private Range wanted(int shard) {
    Range own = own(shard);
    if (own.count() == 0) {
      return own;
    }
    return behind
        ? new Range(own.to, Math.min(window, own.to + reach))
        : new Range(Math.max(0, own.from - reach), own.from);
  }

  /// How many of them this rank's part has.
  long count() {
    return wanted(shards.shard()).count();
  }

  /// Sends the others what they want of this part, and waits for theirs. All ranks of the sequence
  /// call it.
  ///
  /// @param rows [B n, W], this part's
  /// @param workspace whose innermost frame holds what is returned
  /// @return [B, count, W]
  Tensor exchange(Tensor rows, long batch, Workspace workspace) {
    int all = shards.shards();
    int me = shards.shard();
    long width = rows.size(1);
    long rowBytes = Types.bytes(rows.scalar_type().intern()) * width * batch;
    Range[] sent = new Range[all];
    Range[] received = new Range[all];
    long[] sentBytes = new long[all];
    long[] receivedBytes = new long[all];
    long sentRows = 0;
    for (int i = 0; i < all; i++) {
      sent[i] = wanted(i).and(own(me));
      received[i] = wanted(me).and(own(i));
      sentBytes[i] = rowBytes * sent[i].count();
      receivedBytes[i] = rowBytes * received[i].count();
      sentRows += sent[i].count();
    }
    Tensor result = workspace.take(rows.scalar_type().intern(), batch, count(), width);
    try (PointerScope _ = new PointerScope();
        Workspace.Frame _ = workspace.frame()) {
      Tensor send = workspace.take(rows.scalar_type().intern(), batch * sentRows, width);
      Tensor receive = workspace.take(rows.scalar_type().intern(), batch * count(), width);
      Tensor whole = rows.view(batch, own(me).count(), width);
      long at = 0;
      for (Range range : sent) {
        long count = range.count();
        if (count > 0) {
          send.narrow(0, batch * at, batch * count)
              .view(batch, count, width)
              .copy_(whole.narrow(1, range.from - own(me).from, count));
          at += count;
        }
      }
      shards.exchange().start(memory(send), sentBytes, memory(receive), receivedBytes).await();
      at = 0;
      for (Range range : received) {
        long count = range.count();
        if (count > 0) {
          result
              .narrow(1, at, count)
              .copy_(receive.narrow(0, batch * at, batch * count).view(batch, count, width));
          at += count;
        }
      }
    }
    return result;
  }

  private static MemorySegment memory(Tensor tensor) {
    return tensor.numel() == 0 ? MemorySegment.NULL : TensorMemory.of(tensor);
  }
}
