// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.HeadRows;
import dev.longnet.attention.kernel.RowScalars;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/// How a call is cut into tasks: into blocks of consecutive positions of one head of one sequence.
/// Later blocks come first, because under a causal pattern they take longest.
///
/// @param length positions in a block
/// @param together whether a block's rows of all heads and tensors fit a core's cache
record Blocks(long batch, int heads, long tokens, long length, boolean together) {
  /// An accumulator that is not the output itself holds a block of this length: at D = 64 it takes
  /// 2 MiB of float32.
  private static final long LONGEST_CONVERTED = 8192;

  private static final long LONGEST = 32768;
  private static final long SHORTEST_FORWARD = 512;
  private static final long SHORTEST_BACKWARD = 4096;

  /// The rows of such a block, of all tensors of a head, fit a core's cache.
  private static final long IN_CACHE = 512;

  /// What nearly fits a core's second cache, for the rows of all tensors of all heads.
  private static final long TOGETHER_BYTES = 3 << 19;

  /// No block is cut shorter than this for their sake.
  private static final long TOGETHER = 64;

  /// The forward pass gives the same bits for any length, so it may follow the number of threads.
  static Blocks forward(AttentionPattern pattern, AttentionTensor q, int threads) {
    long wanted = threads == 1 ? 1 : 8L * threads;
    return cut(pattern, q, 4, LONGEST_CONVERTED, SHORTEST_FORWARD, wanted);
  }

  /// The backward pass adds in an order that depends on the length, so this depends on shape and
  /// pattern alone. A fold that reaches over several blocks is computed anew in each.
  static Blocks backward(AttentionPattern pattern, AttentionTensor q) {
    return cut(pattern, q, 7, LONGEST, SHORTEST_BACKWARD, 16);
  }

  /// @param tensors about how many are read and written; the backward pass of closed blocks reads
  ///   `out` as well. A new number would change lengths, so the order in which gradients are added
  private static Blocks cut(
      AttentionPattern pattern,
      AttentionTensor q,
      int tensors,
      long longest,
      long shortest,
      long wanted) {
    long length = longest;
    while (length > shortest && q.batch() * q.heads() * Math.ceilDiv(q.tokens(), length) < wanted) {
      length /= 2;
    }
    // No longer than a block's rows have to do with one another: what a short fold touched should
    // still be in the cache.
    long reach = pattern.reach(q.heads(), q.tokens());
    while (length > IN_CACHE && length / 2 >= reach) {
      length /= 2;
    }
    // A block so short that it is worth reading all its heads' rows first, in the order of memory.
    long together = length;
    while (together > TOGETHER && together / 2 >= reach && !fits(together, q, tensors)) {
      together /= 2;
    }
    boolean fits = fits(together, q, tensors);
    return new Blocks(q.batch(), q.heads(), q.tokens(), fits ? together : length, fits);
  }

  private static boolean fits(long length, AttentionTensor q, int tensors) {
    return (double) length * q.heads() * q.headSize() * q.type().bytes() * tensors < TOGETHER_BYTES;
  }

  /// Whether no fold reaches from one block into another.
  boolean closed(AttentionPattern pattern) {
    for (long end = length; end < tokens; end += length) {
      for (int branch = 0; branch < pattern.branches(); branch++) {
        if (pattern.endSegment(branch, end, tokens) > pattern.firstSegment(branch, end)) {
          return false;
        }
      }
    }
    return true;
  }

  /// Hands every block to `work` once. Where there are enough blocks of positions for all threads,
  /// one thread takes all heads of a block: they are neighbours in memory, and no other thread then
  /// works on the same pages. If their rows fit its cache, the thread first reads them in the order
  /// of memory. The rows of one head alone lie apart, and the thread would wait for each of them.
  ///
  /// @param rows of which tensors to read first
  void run(Engine engine, int threads, List<AttentionTensor> rows, Consumer<Block> work) {
    long group = batch * Math.ceilDiv(tokens, length) >= 8L * threads ? heads : 1;
    engine.run(
        threads,
        count() / group,
        task -> {
          if (together && group > 1) {
            Block first = block(task * group);
            rows.forEach(tensor -> first.read(engine.kernel(), tensor));
          }
          for (long i = task * group; i < (task + 1) * group; i++) {
            work.accept(block(i));
          }
        });
  }

  long count() {
    return batch * heads * Math.ceilDiv(tokens, length);
  }

  Block block(long task) {
    long perPosition = batch * heads;
    long index = Math.ceilDiv(tokens, length) - 1 - task / perPosition;
    long sequenceAndHead = task % perPosition;
    return new Block(
        this,
        sequenceAndHead / heads,
        (int) (sequenceAndHead % heads),
        index * length,
        Math.min(tokens, (index + 1) * length));
  }

  /// Positions `[from, to)` of one head of one sequence.
  record Block(Blocks blocks, long sequence, int head, long from, long to) {
    Rows rows() {
      return new Rows(from, 1, to - from);
    }

    /// How many rows the call's longest block has: buffers for these fit any of its blocks.
    long most() {
      return Math.min(blocks.length, blocks.tokens);
    }

    HeadRows rows(AttentionTensor tensor, Rows rows) {
      return tensor.rows(sequence, head, rows);
    }

    private void read(AttentionKernel kernel, AttentionTensor tensor) {
      if (tensor.headStride() != tensor.headSize()) {
        return;
      }
      long row = (long) tensor.heads() * tensor.headSize();
      long run = row == tensor.tokenStride() ? to - from : 1;
      for (long position = from; position < to; position += run) {
        long offset = sequence * tensor.batchStride() + position * tensor.tokenStride();
        kernel.read(
            tensor.data(), offset * tensor.type().bytes(), run * row * tensor.type().bytes());
      }
    }

    /// Values of this head and sequence in a [B, H, N] array.
    ///
    /// @param type float32 or float64
    RowScalars scalars(MemorySegment values, ElementType type, Rows rows) {
      long offset = (sequence * blocks.heads + head) * blocks.tokens + rows.first();
      return new RowScalars(
          values, type == ElementType.FLOAT64, offset, rows.stride(), rows.count());
    }
  }
}
