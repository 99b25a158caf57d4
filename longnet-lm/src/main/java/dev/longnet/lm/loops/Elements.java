// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.attention.kernel.OffHeap.ALL;
import static dev.longnet.attention.kernel.OffHeap.FLOAT;
import static dev.longnet.attention.kernel.OffHeap.SHORT;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/// Single elements of off-heap memory.
final class Elements {
  private Elements() {}

  static float load(ElementType type, long row, int index) {
    return switch (type) {
      case FLOAT32 -> load(row, index);
      case BFLOAT16 -> ElementType.fromBfloat16(ALL.get(SHORT, row + 2L * index));
      case FLOAT64 -> throw new IllegalArgumentException("no loop knows float64");
    };
  }

  static void store(ElementType type, long row, int index, float value) {
    switch (type) {
      case FLOAT32 -> store(row, index, value);
      case BFLOAT16 -> ALL.set(SHORT, row + 2L * index, ElementType.toBfloat16(value));
      case FLOAT64 -> throw new IllegalArgumentException("no loop knows float64");
    }
  }

  /// Element `index` of a float32 vector.
  static float load(long vector, long index) {
    return ALL.get(FLOAT, vector + 4 * index);
  }

  static void store(long vector, long index, float value) {
    ALL.set(FLOAT, vector + 4 * index, value);
  }

  /// Element `index` of an int64 vector, which numbers one of `count` things.
  ///
  /// @throws IndexOutOfBoundsException where it does not
  static int index(long vector, long index, int count) {
    long value = ALL.get(ValueLayout.JAVA_LONG_UNALIGNED, vector + 8 * index);
    return (int) Objects.checkIndex(value, (long) count);
  }

  /// Adds `values` to a float32 vector.
  static void increase(long vector, double[] values) {
    for (int i = 0; i < values.length; i++) {
      store(vector, i, (float) (load(vector, i) + values[i]));
    }
  }
}
