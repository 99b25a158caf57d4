// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// One value per row: a log-sum-exp or a delta. The value of row i is element `offset + i stride`
/// of `data`, a float32 or a float64.
///
/// A log-sum-exp that many folds update is best kept in float64, because every fold rounds it once,
/// and a rounding of LSE is a relative error of all weights.
///
/// @param data on or off heap; must stay alive while a kernel runs
/// @param float64 whether elements are doubles
/// @param offset element index of row 0
/// @param stride elements from one row to the next; negative where they are listed backwards
public record RowScalars(
    MemorySegment data, boolean float64, long offset, long stride, long count) {
  public RowScalars {
    if (offset < 0 || count < 0) {
      throw new IllegalArgumentException(
          "row scalars need offset, count >= 0: offset=" + offset + ", count=" + count);
    }
    if (count > 0) {
      long last = Math.addExact(offset, Math.multiplyExact(stride, count - 1));
      long elements = data.byteSize() / (float64 ? 8 : 4);
      if (last < 0 || Math.max(offset, last) >= elements) {
        throw new IllegalArgumentException(
            "row scalars must lie within "
                + elements
                + " elements: offset="
                + offset
                + ", stride="
                + stride
                + ", count="
                + count);
      }
    }
  }

  /// Float32 values.
  public RowScalars(MemorySegment floats, long offset, long stride, long count) {
    this(floats, false, offset, stride, count);
  }

  /// `count` floats one after another.
  public static RowScalars contiguous(MemorySegment floats, long count) {
    return new RowScalars(floats, false, 0, 1, count);
  }

  /// `count` doubles one after another.
  public static RowScalars contiguousDoubles(MemorySegment doubles, long count) {
    return new RowScalars(doubles, true, 0, 1, count);
  }

  public RowScalars slice(long from, long to) {
    return new RowScalars(
        data, float64, to <= from ? offset : offset + from * stride, stride, to - from);
  }

  /// The same values, listed backwards, as [HeadRows#mirrored] lists rows.
  public RowScalars mirrored() {
    return count == 0
        ? this
        : new RowScalars(data, float64, offset + stride * (count - 1), -stride, count);
  }

  /// Byte offset of a row's value in `data`.
  public long byteOffset(long index) {
    return (offset + index * stride) * (float64 ? 8 : 4);
  }

  public double get(long index) {
    return float64
        ? data.get(ValueLayout.JAVA_DOUBLE_UNALIGNED, byteOffset(index))
        : data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset(index));
  }

  /// Rounds to float32 where that is how values are stored.
  public void set(long index, double value) {
    if (float64) {
      data.set(ValueLayout.JAVA_DOUBLE_UNALIGNED, byteOffset(index), value);
    } else {
      data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, byteOffset(index), (float) value);
    }
  }

  /// Sets all values.
  public void fill(double value) {
    for (long i = 0; i < count; i++) {
      set(i, value);
    }
  }
}
