// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/// Keys and values that one kind of fold of one layer may still read: per head rows `[D]` one after
/// another, in the order of their positions. What a row's position is follows from arithmetic
/// ([LiveRows]); nothing but keys and values is stored. Memory grows by doubling up to the most
/// rows the rule allows.
final class RowCache implements AutoCloseable {
  private static final int SMALLEST = 64;

  private final int heads;
  private final int headSize;
  private final long most;
  private long capacity;
  private NativeFloats keys;
  private NativeFloats values;

  /// @param most rows a head may come to hold
  RowCache(int heads, int headSize, long most) {
    this(heads, headSize, most, 0, new NativeFloats(0), new NativeFloats(0));
  }

  private RowCache(
      int heads, int headSize, long most, long capacity, NativeFloats keys, NativeFloats values) {
    this.heads = heads;
    this.headSize = headSize;
    this.most = most;
    this.capacity = capacity;
    this.keys = keys;
    this.values = values;
  }

  /// Makes room for `rows` rows a head; the first `held` rows of every head are kept.
  void reserve(long rows, long held) {
    if (rows <= capacity) {
      return;
    }
    long wanted = Math.min(most, Math.max(rows, Math.max(SMALLEST, 2 * capacity)));
    NativeFloats newKeys = grown(keys, wanted, held);
    NativeFloats newValues;
    try {
      newValues = grown(values, wanted, held);
    } catch (RuntimeException | Error e) {
      newKeys.close();
      throw e;
    }
    keys.close();
    values.close();
    keys = newKeys;
    values = newValues;
    capacity = wanted;
  }

  private NativeFloats grown(NativeFloats old, long wanted, long held) {
    NativeFloats grown =
        new NativeFloats(Math.multiplyExact(Math.multiplyExact(wanted, (long) heads), headSize));
    for (int head = 0; head < heads; head++) {
      MemorySegment.copy(
          old.segment(),
          4L * head * capacity * headSize,
          grown.segment(),
          4L * head * wanted * headSize,
          4 * held * headSize);
    }
    return grown;
  }

  /// Rows a head has room for.
  long capacity() {
    return capacity;
  }

  /// Element index of row `row` of a head, in both buffers.
  long element(int head, long row) {
    return (head * capacity + row) * headSize;
  }

  NativeFloats keys() {
    return keys;
  }

  NativeFloats values() {
    return values;
  }

  long keyAddress(int head, long row) {
    return keys.address() + 4 * element(head, row);
  }

  long valueAddress(int head, long row) {
    return values.address() + 4 * element(head, row);
  }

  /// Copies one row in.
  void put(int head, long row, MemorySegment chunk, long key, long value) {
    long at = 4 * element(head, row);
    MemorySegment.copy(chunk, 4 * key, keys.segment(), at, 4L * headSize);
    MemorySegment.copy(chunk, 4 * value, values.segment(), at, 4L * headSize);
  }

  void scaleKeys(Kernels kernels, int head, long held, NativeFloats factors) {
    kernels.scaleRows(keyAddress(head, 0), held, headSize, factors.address());
  }

  /// Writes the first `rows` rows of a head: keys, then values.
  void write(int head, long rows, StateOutput out) throws IOException {
    out.write(keys, element(head, 0), rows * headSize);
    out.write(values, element(head, 0), rows * headSize);
  }

  /// Reads what [#write] wrote; there is room for it.
  void read(int head, long rows, StateInput in) throws IOException {
    in.read(keys, element(head, 0), rows * headSize);
    in.read(values, element(head, 0), rows * headSize);
  }

  RowCache copy() {
    return new RowCache(heads, headSize, most, capacity, keys.copy(), values.copy());
  }

  long bytes() {
    return capacity == 0 ? 0 : keys.bytes() + values.bytes();
  }

  @Override
  public void close() {
    keys.close();
    values.close();
  }
}
