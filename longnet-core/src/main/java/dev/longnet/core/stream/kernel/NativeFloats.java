// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;

import java.lang.foreign.MemorySegment;

/// Floats off heap, there as long as their [NativeMemory] is.
public final class NativeFloats {
  private final MemorySegment segment;

  NativeFloats(MemorySegment segment) {
    this.segment = segment;
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
