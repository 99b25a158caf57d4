// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/// A view of rows of one head. Row i holds `headSize` neighbouring elements that begin at element
/// `offset + i stride` of `data`, and it stands at position `positions.position(i)` of its
/// sequence. Memory and position are independent: the rows may be a strided slice of a [B, N, H, D]
/// tensor, a cache of the past, or rows gathered from elsewhere.
///
/// @param data on or off heap; must stay alive while a kernel runs
/// @param offset element index of row 0
/// @param stride elements from one row to the next; negative where they are listed backwards
/// @param headSize D
public record HeadRows(
    MemorySegment data, ElementType type, long offset, long stride, int headSize, Rows positions) {
  public HeadRows {
    Objects.requireNonNull(data, "data");
    Objects.requireNonNull(type, "type");
    if (headSize < 1 || offset < 0) {
      throw new IllegalArgumentException(
          "rows need headSize >= 1, offset >= 0: headSize=" + headSize + ", offset=" + offset);
    }
    if (!positions.isEmpty()) {
      long last = Math.addExact(offset, Math.multiplyExact(stride, positions.count() - 1));
      long end = Math.addExact(Math.max(offset, last), headSize);
      if (last < 0 || end > data.byteSize() / type.bytes()) {
        throw new IllegalArgumentException(
            "rows must lie within "
                + data.byteSize() / type.bytes()
                + " elements: offset="
                + offset
                + ", stride="
                + stride
                + ", count="
                + positions.count()
                + ", headSize="
                + headSize);
      }
    }
  }

  /// Float32 rows one after another, as a scratch buffer or a cache holds them.
  public static HeadRows contiguous(MemorySegment floats, int headSize, Rows positions) {
    return new HeadRows(floats, ElementType.FLOAT32, 0, headSize, headSize, positions);
  }

  /// The number of rows.
  public long count() {
    return positions.count();
  }

  /// The rows number `from` to `to` (exclusive).
  public HeadRows slice(long from, long to) {
    // Behind the last of rows that are listed backwards there may be no element.
    long first = to <= from ? offset : offset + from * stride;
    return new HeadRows(data, type, first, stride, headSize, positions.slice(from, to));
  }

  /// The same rows, listed backwards, each at position `about` minus its own. Then a row stands at
  /// or before another one iff it stood at or behind it: the causal test is turned round.
  ///
  /// @param about at least the last row's position
  public HeadRows mirrored(long about) {
    if (positions.isEmpty()) {
      return this;
    }
    return new HeadRows(
        data, type, offset + stride * (count() - 1), -stride, headSize, positions.mirrored(about));
  }

  /// Byte offset of row `index` in `data`.
  public long byteOffset(long index) {
    return (offset + index * stride) * type.bytes();
  }

  /// Element d of row `index`, widened to float64.
  public double get(long index, int d) {
    long at = byteOffset(index) + (long) d * type.bytes();
    return switch (type) {
      case FLOAT32 -> data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, at);
      case BFLOAT16 -> bfloat(at);
      case FLOAT64 -> data.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, at);
    };
  }

  private float bfloat(long at) {
    return ElementType.fromBfloat16(data.get(ValueLayout.JAVA_SHORT_UNALIGNED, at));
  }

  /// Copies row `index` to `to[at …]`, as float32.
  public void read(long index, float[] to, int at) {
    switch (type) {
      case FLOAT32 ->
          MemorySegment.copy(
              data, ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset(index), to, at, headSize);
      case BFLOAT16 -> {
        for (int d = 0; d < headSize; d++) {
          to[at + d] = bfloat(byteOffset(index) + 2L * d);
        }
      }
      case FLOAT64 -> {
        for (int d = 0; d < headSize; d++) {
          to[at + d] = (float) get(index, d);
        }
      }
    }
  }

  /// Copies row `index` to `to[0 …]`, widened to float64.
  void read(long index, double[] to) {
    for (int d = 0; d < headSize; d++) {
      to[d] = get(index, d);
    }
  }

  /// Overwrites row `index`, of float64, with `from[0 …]`.
  void write(long index, double[] from) {
    MemorySegment.copy(
        from, 0, data, ValueLayout.JAVA_DOUBLE_UNALIGNED, byteOffset(index), headSize);
  }

  /// Overwrites row `index` with `from[at …]`, rounded to the type.
  public void write(long index, float[] from, int at) {
    switch (type) {
      case FLOAT32 ->
          MemorySegment.copy(
              from, at, data, ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset(index), headSize);
      case BFLOAT16 -> {
        long bytes = byteOffset(index);
        for (int d = 0; d < headSize; d++) {
          data.set(
              ValueLayout.JAVA_SHORT_UNALIGNED,
              bytes + 2L * d,
              ElementType.toBfloat16(from[at + d]));
        }
      }
      case FLOAT64 -> {
        for (int d = 0; d < headSize; d++) {
          data.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, byteOffset(index) + 8L * d, from[at + d]);
        }
      }
    }
  }
}
