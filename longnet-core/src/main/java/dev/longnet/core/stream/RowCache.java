package dev.longnet.core.stream;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.NativeFloats;
import java.lang.foreign.MemorySegment;

/// Keys and values that one kind of fold of one layer may still read: per head rows [D] one after
/// another, in the order of their positions. What a row's position is follows from arithmetic
/// ([Holding]); nothing but keys and values is stored. Memory grows by doubling up to the most rows
/// the holding allows.
final class RowCache implements AutoCloseable {
  private static final int SMALLEST = 64;

  private final int heads;
  private final int headSize;
  private final long most;
  private long capacity;
  private NativeFloats keys = new NativeFloats(0);
  private NativeFloats values = new NativeFloats(0);

  /// @param most rows a head may come to hold
  RowCache(int heads, int headSize, long most) {
    this.heads = heads;
    this.headSize = headSize;
    this.most = most;
  }

  /// Makes room for `rows` rows a head; the first `held` rows of every head are kept.
  void reserve(long rows, long held) {
    if (rows <= capacity) {
      return;
    }
    long wanted = Math.min(most, Math.max(rows, Math.max(SMALLEST, 2 * capacity)));
    NativeFloats newKeys = grown(keys, wanted, held);
    NativeFloats newValues = grown(values, wanted, held);
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
          4 * head * capacity * headSize,
          grown.segment(),
          4 * head * wanted * headSize,
          4 * held * headSize);
    }
    return grown;
  }

  /// Element index of row `row` of a head, in both buffers.
  long element(int head, long row) {
    return (head * capacity + row) * headSize;
  }

  MemorySegment keys() {
    return keys.segment();
  }

  MemorySegment values() {
    return values.segment();
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

  long bytes() {
    return capacity == 0 ? 0 : keys.bytes() + values.bytes();
  }

  @Override
  public void close() {
    keys.close();
    values.close();
  }
}
