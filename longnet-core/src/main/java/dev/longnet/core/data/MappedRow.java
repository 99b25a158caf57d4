// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/// Mapped files of one kind read as one row of bytes.
final class MappedRow {
  private final List<MemorySegment> parts;

  /// First byte of each part, and the end.
  private final long[] starts;

  MappedRow(List<MemorySegment> parts) {
    this.parts = List.copyOf(parts);
    this.starts = new long[parts.size() + 1];
    for (int i = 0; i < parts.size(); i++) {
      starts[i + 1] = starts[i] + parts.get(i).byteSize();
    }
  }

  /// Takes consecutive pieces of the row.
  interface Piece {
    void accept(MemorySegment part, long from, long bytes);
  }

  long size() {
    return starts[parts.size()];
  }

  void read(long from, long bytes, Piece piece) {
    Objects.checkFromIndexSize(from, bytes, size());
    int i = Arrays.binarySearch(starts, from);
    i = i >= 0 ? i : -i - 2;
    while (bytes > 0) {
      long within = from - starts[i];
      long n = Math.min(bytes, starts[i + 1] - from);
      if (n > 0) {
        piece.accept(parts.get(i), within, n);
      }
      from += n;
      bytes -= n;
      i++;
    }
  }
}
