// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicLong;

/// Zeroed off-heap memory, aligned to 64 bytes, freed when closed.
public final class NativeFloats implements AutoCloseable {
  /// A vector load at the very end of a row may read up to one register beyond it.
  private static final long PADDING = 64;

  private static final AtomicLong HELD = new AtomicLong();

  private final Arena arena = Arena.ofShared();
  private final MemorySegment segment;

  /// @param count floats; 0 is allowed
  public NativeFloats(long count) {
    segment = arena.allocate(Math.addExact(Math.multiplyExact(count, 4L), PADDING), 64);
    HELD.addAndGet(segment.byteSize());
  }

  public MemorySegment segment() {
    return segment;
  }

  public long address() {
    return segment.address();
  }

  public long bytes() {
    return segment.byteSize();
  }

  public float get(long index) {
    return segment.get(FLOAT, index * 4);
  }

  public void set(long index, float value) {
    segment.set(FLOAT, index * 4, value);
  }

  /// Another one with the same floats; the caller closes it.
  public NativeFloats copy() {
    NativeFloats copy = new NativeFloats((segment.byteSize() - PADDING) / 4);
    copy.segment.copyFrom(segment);
    return copy;
  }

  /// Bytes all instances of this process hold; for tests of leaks.
  public static long held() {
    return HELD.get();
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      HELD.addAndGet(-segment.byteSize());
      arena.close();
    }
  }

  static float load(long address) {
    return ALL.get(FLOAT, address);
  }

  static void store(long address, float value) {
    ALL.set(FLOAT, address, value);
  }

  static void copy(long from, long to, long bytes) {
    MemorySegment.copy(ALL, from, ALL, to, bytes);
  }
}
