// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// Off-heap memory that calls hand on to the next ones, because memory that is new to the process
/// costs more than what is done with it. Calls of one shape find what the call before left. Memory
/// that nobody asked for in a while is released. One thread at a time takes and gives.
final class Buffers implements AutoCloseable {
  /// After so many requests memory is no longer kept: some layers.
  private static final long LONGEST_REST = 256;

  private final List<Buffer> free = new ArrayList<>();
  private long requests;
  private long bytes;

  /// Some memory. Whoever has it gives it back when nobody uses it any more.
  final class Buffer implements AutoCloseable {
    private final Arena arena;
    private final MemorySegment all;
    private long used;
    private long returned;

    private Buffer(long bytes) {
      arena = Arena.ofShared();
      all = arena.allocate(Math.max(64, bytes), 64);
    }

    /// As many bytes as were asked for. Their content is unspecified.
    MemorySegment memory() {
      return all.asSlice(0, used);
    }

    /// Gives the memory back.
    @Override
    public void close() {
      returned = requests;
      free.add(this);
    }
  }

  Buffer take(long bytes) {
    requests++;
    Buffer buffer = fitting(bytes);
    if (buffer == null) {
      List<Buffer> old = free.stream().filter(b -> b.returned + LONGEST_REST < requests).toList();
      old.forEach(this::drop);
      buffer = new Buffer(bytes);
      this.bytes += buffer.all.byteSize();
    } else {
      free.remove(buffer);
    }
    buffer.used = bytes;
    return buffer;
  }

  /// The smallest free buffer that is large enough; none that is much larger, which another request
  /// will want.
  private @Nullable Buffer fitting(long bytes) {
    Buffer best = null;
    for (Buffer buffer : free) {
      long size = buffer.all.byteSize();
      if (size >= bytes
          && size <= Math.max(64, bytes + bytes / 4)
          && (best == null || size < best.all.byteSize())) {
        best = buffer;
      }
    }
    return best;
  }

  /// Bytes held, in use or not.
  long bytes() {
    return bytes;
  }

  private void drop(Buffer buffer) {
    free.remove(buffer);
    bytes -= buffer.all.byteSize();
    buffer.arena.close();
  }

  /// Releases what was given back. Memory that an exchange may still write stays for good.
  @Override
  public void close() {
    while (!free.isEmpty()) {
      drop(free.getLast());
    }
  }
}
