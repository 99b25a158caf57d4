// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/// The accumulator of one block of a tensor, float32 or float64. It is the tensor's own memory when
/// that is of such a type. Else it is a buffer of float32, which [#store] rounds into the tensor
/// once all branches have been added.
final class RowBuffer implements AutoCloseable {
  private final AttentionTensor tensor;
  private final Blocks.Block block;
  private final CallMemory memory;
  private final @Nullable MemorySegment buffer;

  /// Its content is unspecified.
  RowBuffer(AttentionTensor tensor, Blocks.Block block, CallMemory memory) {
    this.tensor = tensor;
    this.block = block;
    this.memory = memory;
    this.buffer =
        tensor.type() == tensor.type().sums()
            ? null
            : memory.take(block.most() * tensor.headSize() * Float.BYTES);
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
      memory.give(buffer);
    }
  }
}
