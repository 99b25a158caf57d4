// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Locale;
import java.util.Objects;

/// A tensor in a file or on its way to one: little-endian elements in row-major order, at any
/// alignment.
///
/// @param shape sizes, outermost first; empty for a scalar
/// @param data exactly the elements' bytes; a view of a mapped file stays valid until that file is
///   closed
public record TensorEntry(String name, DType type, long[] shape, MemorySegment data) {
  public TensorEntry {
    Objects.requireNonNull(name, "name");
    Objects.requireNonNull(type, "type");
    long bytes = Math.multiplyExact(elements(shape), type.size());
    if (data.byteSize() != bytes) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s: shape %s of %s takes %d bytes: bytes=%d",
              name,
              Arrays.toString(shape),
              type,
              bytes,
              data.byteSize()));
    }
  }

  /// Copies `values` to memory of the garbage collector's.
  public static TensorEntry of(String name, long[] shape, float... values) {
    MemorySegment data = Arena.ofAuto().allocate(4L * values.length, 64);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_FLOAT, 0, values.length);
    return new TensorEntry(name, DType.F32, shape, data);
  }

  /// Copies `values` to memory of the garbage collector's.
  public static TensorEntry of(String name, long[] shape, long... values) {
    MemorySegment data = Arena.ofAuto().allocate(8L * values.length, 64);
    MemorySegment.copy(values, 0, data, ValueLayout.JAVA_LONG, 0, values.length);
    return new TensorEntry(name, DType.I64, shape, data);
  }

  public long elements() {
    return elements(shape);
  }

  /// The product of the sizes.
  ///
  /// @throws IllegalArgumentException when a size is negative or the product exceeds 2^63 - 1
  static long elements(long[] shape) {
    long count = 1;
    boolean overflow = false;
    boolean empty = false;
    for (long s : shape) {
      if (s < 0) {
        throw new IllegalArgumentException(
            "sizes must not be negative: shape=" + Arrays.toString(shape));
      }
      empty |= s == 0;
      overflow |= Math.multiplyHigh(count, s) != 0 || count * s < 0;
      count *= s;
    }
    if (overflow && !empty) {
      throw new IllegalArgumentException(
          "sizes multiply to more than 2^63: shape=" + Arrays.toString(shape));
    }
    return empty ? 0 : count;
  }
}
