// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import dev.longnet.core.stream.kernel.NativeMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/// Keys and values that one kind of fold of one layer may still read: per head rows `[D]` one after
/// another, in the order of their positions. What a row's position is follows from arithmetic
/// ([LiveRows]); nothing but keys and values is stored. Memory grows by doubling up to the most
/// rows the rule allows.
final class RowCache {
  private static final int SMALLEST = 64;

  /// All keys and values [heads that hold rows, capacity, D], in a part of the stream's memory that
  /// goes when they grow.
  private record Rows(NativeMemory part, NativeFloats keys, NativeFloats values) {}

  private final NativeMemory memory;

  /// The place of each head that holds rows; -1 for others.
  private final int[] places;

  private final int heads;
  private final int headSize;
  private final long most;
  private long capacity;
  private Rows rows;

  /// @param memory the stream's
  /// @param of all heads
  /// @param standing the heads that hold rows
  /// @param most rows a head may come to hold
  RowCache(NativeMemory memory, int of, int[] standing, int headSize, long most) {
    this.memory = memory;
    this.heads = standing.length;
    this.places = new int[of];
    Arrays.fill(places, -1);
    for (int i = 0; i < standing.length; i++) {
      places[standing[i]] = i;
    }
    this.headSize = headSize;
    this.most = most;
    this.rows = rows(0);
  }

  private RowCache(NativeMemory memory, RowCache other) {
    this.memory = memory;
    this.heads = other.heads;
    this.places = other.places;
    this.headSize = other.headSize;
    this.most = other.most;
    this.capacity = other.capacity;
    this.rows =
        memory
            .part()
            .build(part -> new Rows(part, part.copy(other.keys()), part.copy(other.values())));
  }

  private Rows rows(long capacity) {
    long floats = Math.multiplyExact(Math.multiplyExact(capacity, (long) heads), headSize);
    return memory.part().build(part -> new Rows(part, part.floats(floats), part.floats(floats)));
  }

  /// Makes room for `wanted` rows a head; the first `used` rows of every head are kept.
  void reserve(long wanted, long used) {
    if (wanted <= capacity) {
      return;
    }
    long next = Math.min(most, Math.max(wanted, Math.max(SMALLEST, 2 * capacity)));
    Rows grown = rows(next);
    long held = Math.min(used, capacity);
    copy(rows.keys, grown.keys, next, held);
    copy(rows.values, grown.values, next, held);
    rows.part.close();
    rows = grown;
    capacity = next;
  }

  private void copy(NativeFloats old, NativeFloats grown, long next, long held) {
    for (int head = 0; head < heads; head++) {
      MemorySegment.copy(
          old.segment(),
          4L * head * capacity * headSize,
          grown.segment(),
          4L * head * next * headSize,
          4 * held * headSize);
    }
  }

  /// Rows a head has room for.
  long capacity() {
    return capacity;
  }

  /// Element index of row `row` of a head, in both buffers.
  long element(int head, long row) {
    return (places[head] * capacity + row) * headSize;
  }

  NativeFloats keys() {
    return rows.keys;
  }

  NativeFloats values() {
    return rows.values;
  }

  long keyAddress(int head, long row) {
    return rows.keys.address() + 4 * element(head, row);
  }

  long valueAddress(int head, long row) {
    return rows.values.address() + 4 * element(head, row);
  }

  /// Copies one row in.
  void put(int head, long row, MemorySegment chunk, long key, long value) {
    long at = 4 * element(head, row);
    MemorySegment.copy(chunk, 4 * key, rows.keys.segment(), at, 4L * headSize);
    MemorySegment.copy(chunk, 4 * value, rows.values.segment(), at, 4L * headSize);
  }

  /// Multiplies the keys of `count` rows of a head from row `from` on.
  void scaleKeys(Kernels kernels, int head, long from, long count, NativeFloats factors) {
    if (count > 0) {
      kernels.scaleRows(keyAddress(head, from), count, headSize, factors.address());
    }
  }

  /// Writes `count` rows of a head from row `from` on: keys, then values.
  void write(int head, long from, long count, StateOutput out) throws IOException {
    if (count > 0) {
      out.write(rows.keys, element(head, from), count * headSize);
      out.write(rows.values, element(head, from), count * headSize);
    }
  }

  /// Reads what [#write] wrote; there is room for it.
  void read(int head, long from, long count, StateInput in) throws IOException {
    if (count > 0) {
      in.read(rows.keys, element(head, from), count * headSize);
      in.read(rows.values, element(head, from), count * headSize);
    }
  }

  /// The same rows in another stream's memory.
  RowCache copy(NativeMemory other) {
    return new RowCache(other, this);
  }

  long bytes() {
    return capacity == 0 ? 0 : rows.keys.bytes() + rows.values.bytes();
  }
}
