// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.jspecify.annotations.Nullable;

/// The accumulator of one block of a tensor, float32 or float64. It is the tensor's own memory when
/// that is of such a type. Else it is a buffer of float32, which [#store] rounds into the tensor
/// once all branches have been added.
final class RowBuffer implements AutoCloseable {
  private final AttentionTensor tensor;
  private final Blocks.Block block;
  private final Pool pool;
  private final @Nullable MemorySegment buffer;

  /// Its content is unspecified.
  RowBuffer(AttentionTensor tensor, Blocks.Block block, Pool pool) {
    this.tensor = tensor;
    this.block = block;
    this.pool = pool;
    this.buffer = tensor.type() == tensor.type().sums() ? null : pool.take();
  }

  /// The accumulator's rows at these positions of the block.
  HeadRows rows(Rows rows) {
    if (buffer == null) {
      return block.rows(tensor, rows);
    }
    int headSize = tensor.headSize();
    return new HeadRows(
        buffer,
        ElementType.FLOAT32,
        (rows.first() - block.from()) * headSize,
        rows.stride() * headSize,
        headSize,
        rows);
  }

  /// Puts the accumulated rows into the tensor.
  void store(AttentionKernel kernel) {
    if (buffer != null) {
      kernel.copy(rows(block.rows()), block.rows(tensor, block.rows()));
    }
  }

  @Override
  public void close() {
    if (buffer != null) {
      pool.give(buffer);
    }
  }

  /// The buffers of one call. Blocks hand them on, because memory that is new to the process costs
  /// more than the sums it is for.
  static final class Pool implements AutoCloseable {
    private final long bytes;
    private final int threads;
    private final ConcurrentLinkedDeque<MemorySegment> free = new ConcurrentLinkedDeque<>();
    private @Nullable Arena arena;

    /// @param rowBytes for each position of a block
    /// @param threads that take buffers
    Pool(Blocks blocks, long rowBytes, int threads) {
      this.bytes = Math.multiplyExact(Math.min(blocks.length(), blocks.tokens()), rowBytes);
      this.threads = threads;
    }

    MemorySegment take() {
      MemorySegment buffer = free.pollFirst();
      return buffer != null ? buffer : allocate();
    }

    void give(MemorySegment buffer) {
      free.addFirst(buffer);
    }

    private synchronized MemorySegment allocate() {
      if (arena == null) {
        arena = threads == 1 ? Arena.ofConfined() : Arena.ofShared();
      }
      return arena.allocate(bytes, 64);
    }

    @Override
    public void close() {
      if (arena != null) {
        arena.close();
      }
    }
  }
}
