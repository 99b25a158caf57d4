// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.ElementType;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// Adds rows of float32 or float64 to others. It has working memory for one thread.
final class RowSums {
  private final ElementType type;
  private final int size;
  private final float[] term;
  private final float[] sum;

  /// @param size elements of a row
  RowSums(ElementType type, int size) {
    this.type = type;
    this.size = size;
    this.term = new float[size];
    this.sum = new float[size];
  }

  /// `to += from`, where element `fromAt` and `toAt` are the rows' first.
  void add(MemorySegment from, long fromAt, MemorySegment to, long toAt) {
    if (type == ElementType.FLOAT64) {
      for (int d = 0; d < size; d++) {
        double value =
            to.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, (toAt + d) * 8)
                + from.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, (fromAt + d) * 8);
        to.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, (toAt + d) * 8, value);
      }
      return;
    }
    MemorySegment.copy(from, ValueLayout.JAVA_FLOAT_UNALIGNED, fromAt * 4, term, 0, size);
    MemorySegment.copy(to, ValueLayout.JAVA_FLOAT_UNALIGNED, toAt * 4, sum, 0, size);
    for (int d = 0; d < size; d++) {
      sum[d] += term[d];
    }
    MemorySegment.copy(sum, 0, to, ValueLayout.JAVA_FLOAT_UNALIGNED, toAt * 4, size);
  }
}
