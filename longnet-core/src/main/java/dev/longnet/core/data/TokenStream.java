// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/// A long row of token ids that may be larger than memory. Safe for use by many threads.
public interface TokenStream {

  /// Number of tokens.
  long size();

  /// Writes tokens [from, from + count) to `destination`, as 64-bit integers.
  ///
  /// @param destination `[count]` int64, 8-byte aligned or not
  /// @throws IndexOutOfBoundsException when the range leaves [0, size)
  void copy(long from, int count, MemorySegment destination);

  /// A stream of ids held in memory.
  static TokenStream of(int... ids) {
    int[] copy = ids.clone();
    return new TokenStream() {
      @Override
      public long size() {
        return copy.length;
      }

      @Override
      public void copy(long from, int count, MemorySegment destination) {
        Objects.checkFromIndexSize(from, count, (long) copy.length);
        for (int i = 0; i < count; i++) {
          destination.setAtIndex(ValueLayout.JAVA_LONG_UNALIGNED, i, copy[(int) from + i]);
        }
      }
    };
  }
}
