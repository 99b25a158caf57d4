// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import dev.longnet.attention.kernel.ElementType;
import java.util.Locale;

/// Rows of a matrix in off-heap memory, by address: one row a token. Whoever makes one vouches for
/// the memory.
///
/// @param address of the first row's first element
/// @param width elements of a row
/// @param stride elements from one row to the next
public record RowBlock(long address, ElementType type, int rows, int width, long stride) {
  public RowBlock {
    if (rows < 0 || width < 1 || stride < width) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "rows must be >= 0, width positive and stride >= width: rows=%d, width=%d, stride=%d",
              rows,
              width,
              stride));
    }
  }

  /// Rows that lie one after another.
  public static RowBlock dense(long address, ElementType type, int rows, int width) {
    return new RowBlock(address, type, rows, width, width);
  }

  long row(int index) {
    return address + index * stride * type.bytes();
  }
}
