// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;

/// Checks what a caller passed, and cuts it.
final class Slices {
  private Slices() {}

  /// The parts of each rank, one after another.
  ///
  /// @param name of the buffer in messages
  static MemorySegment[] cut(String name, MemorySegment whole, long[] bytes, int ranks) {
    if (bytes.length != ranks) {
      throw new IllegalArgumentException(
          name + " must have one size for each of " + ranks + " ranks: " + Arrays.toString(bytes));
    }
    long at = 0;
    MemorySegment[] parts = new MemorySegment[ranks];
    for (int i = 0; i < ranks; i++) {
      if (bytes[i] < 0 || bytes[i] > whole.byteSize() - at) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s of %d bytes cannot hold parts of %s bytes",
                name,
                whole.byteSize(),
                Arrays.toString(bytes)));
      }
      parts[i] = whole.asSlice(at, bytes[i]);
      at += bytes[i];
    }
    return parts;
  }

  /// The ranges `[bounds[i], bounds[i+1])` of elements.
  static MemorySegment[] ranges(MemorySegment data, long elementBytes, long[] bounds, int ranks) {
    if (elementBytes < 1 || bounds.length != ranks + 1 || bounds[0] < 0) {
      throw wrong(data, elementBytes, bounds, ranks);
    }
    MemorySegment[] ranges = new MemorySegment[ranks];
    for (int i = 0; i < ranks; i++) {
      if (bounds[i + 1] < bounds[i] || bounds[i + 1] > data.byteSize() / elementBytes) {
        throw wrong(data, elementBytes, bounds, ranks);
      }
      ranges[i] =
          data.asSlice(bounds[i] * elementBytes, (bounds[i + 1] - bounds[i]) * elementBytes);
    }
    return ranges;
  }

  private static IllegalArgumentException wrong(
      MemorySegment data, long elementBytes, long[] bounds, int ranks) {
    return new IllegalArgumentException(
        String.format(
            Locale.ROOT,
            "bounds must be %d element numbers that never fall, within %d bytes of elements of %d: %s",
            ranks + 1,
            data.byteSize(),
            elementBytes,
            Arrays.toString(bounds)));
  }

  static long[] bytes(MemorySegment[] parts) {
    return Arrays.stream(parts).mapToLong(MemorySegment::byteSize).toArray();
  }

  /// @throws IllegalArgumentException when native code cannot see it
  static void requireNative(MemorySegment memory) {
    if (!memory.isNative() && memory.byteSize() > 0) {
      throw new IllegalArgumentException("ranks exchange memory outside the heap only: " + memory);
    }
  }
}
