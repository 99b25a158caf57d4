// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.ConcurrentLinkedDeque;
import org.jspecify.annotations.Nullable;

/// The off-heap working memory of one call, for any of its threads. What one of them gives back the
/// next one takes, because memory that is new to the process costs more than the sums it is for.
///
/// Small buffers stay with the attention for its next call ([Spare]): to end memory that several
/// threads have used stops each of them, which takes half as long as a small model's layer attends.
/// Large ones go back to the system with the call.
final class CallMemory implements AutoCloseable {
  /// Bytes of the largest buffer that outlives its call.
  private static final long SMALL = 1 << 20;

  /// No buffer is smaller, so that no two lie in one cache line.
  private static final long SMALLEST = 64;

  private static final long ALIGNMENT = 64;

  private final Spare spare;
  private final boolean alone;
  private final Deque<MemorySegment> large = new ArrayDeque<>();
  private @Nullable Arena arena;

  /// @param threads that take buffers
  CallMemory(Spare spare, int threads) {
    this.spare = spare;
    this.alone = threads == 1;
  }

  /// A buffer of at least so many bytes. Their content is unspecified.
  MemorySegment take(long bytes) {
    return bytes <= SMALL ? spare.take(Math.max(SMALLEST, bytes)) : takeLarge(bytes);
  }

  /// Gives a buffer back that nobody uses any more.
  void give(MemorySegment buffer) {
    if (buffer.byteSize() <= SMALL) {
      spare.give(buffer);
    } else {
      giveLarge(buffer);
    }
  }

  private synchronized MemorySegment takeLarge(long bytes) {
    for (MemorySegment buffer : large) {
      if (buffer.byteSize() == bytes) {
        large.remove(buffer);
        return buffer;
      }
    }
    if (arena == null) {
      arena = alone ? Arena.ofConfined() : Arena.ofShared();
    }
    return arena.allocate(bytes, ALIGNMENT);
  }

  private synchronized void giveLarge(MemorySegment buffer) {
    large.addFirst(buffer);
  }

  @Override
  public void close() {
    if (arena != null) {
      arena.close();
    }
  }

  /// Small buffers that past calls left, for any number of calls at once: of each power of two as
  /// many as were in use at one time. The garbage collector frees them with their owner, or once
  /// they are given up.
  static final class Spare {
    private final ConcurrentLinkedDeque<MemorySegment> free = new ConcurrentLinkedDeque<>();

    private MemorySegment take(long bytes) {
      long size = Long.highestOneBit(2 * bytes - 1);
      for (MemorySegment buffer : free) {
        if (buffer.byteSize() == size && free.remove(buffer)) {
          return buffer;
        }
      }
      return Arena.ofAuto().allocate(size, ALIGNMENT);
    }

    private void give(MemorySegment buffer) {
      free.addFirst(buffer);
    }

    /// Leaves what is free to the garbage collector.
    void clear() {
      free.clear();
    }
  }
}
