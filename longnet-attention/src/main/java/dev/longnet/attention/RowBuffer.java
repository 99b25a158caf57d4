package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/// The float32 accumulator of one block of a tensor: the tensor's own memory when that is float32, else a buffer
/// that [#store] rounds into the tensor once, when all branches have been added.
final class RowBuffer implements AutoCloseable {
  private final AttentionTensor tensor;
  private final Blocks.Block block;
  private final Arena arena;
  private final MemorySegment buffer;

  private RowBuffer(AttentionTensor tensor, Blocks.Block block, Arena arena, MemorySegment buffer) {
    this.tensor = tensor;
    this.block = block;
    this.arena = arena;
    this.buffer = buffer;
  }

  /// Its content is unspecified.
  static RowBuffer accumulatorOf(AttentionTensor tensor, Blocks.Block block) {
    if (tensor.type() == ElementType.FLOAT32) {
      return new RowBuffer(tensor, block, null, null);
    }
    Arena arena = Arena.ofConfined();
    long bytes = Math.multiplyExact(block.to() - block.from(), 4L * tensor.headSize());
    return new RowBuffer(tensor, block, arena, arena.allocate(bytes, 64));
  }

  /// The accumulator's rows at these positions of the block.
  HeadRows rows(Rows rows) {
    if (buffer == null) {
      return block.rows(tensor, rows);
    }
    int headSize = tensor.headSize();
    return new HeadRows(buffer, ElementType.FLOAT32, (rows.first() - block.from()) * headSize,
        rows.stride() * headSize, headSize, rows);
  }

  /// Makes the accumulated rows the tensor's.
  void store(AttentionKernel kernel) {
    if (buffer != null) {
      kernel.copy(rows(block.rows()), block.rows(tensor, block.rows()));
    }
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }
}
