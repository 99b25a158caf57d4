package dev.longnet.attention;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/// One float32 per row: a log-sum-exp or a delta. Row i is element `offset + i stride` of `data`.
///
/// @param data on or off heap; must stay alive while a kernel runs
/// @param offset element index of row 0
/// @param stride elements between two rows
public record RowScalars(MemorySegment data, long offset, long stride, long count) {
  public RowScalars {
    if (offset < 0 || stride < 0 || count < 0) {
      throw new IllegalArgumentException("row scalars need offset, stride, count >= 0: offset=" + offset + ", stride="
          + stride + ", count=" + count);
    }
    if (count > 0) {
      long end = Math.addExact(Math.addExact(offset, Math.multiplyExact(stride, count - 1)), 1);
      if (end > data.byteSize() / 4) {
        throw new IllegalArgumentException("row scalars end at element " + end + " of " + data.byteSize() / 4
            + ": offset=" + offset + ", stride=" + stride + ", count=" + count);
      }
    }
  }

  /// `count` floats one after another.
  public static RowScalars contiguous(MemorySegment floats, long count) {
    return new RowScalars(floats, 0, 1, count);
  }

  public RowScalars slice(long from, long to) {
    return new RowScalars(data, offset + from * stride, stride, to - from);
  }

  public float get(long index) {
    return data.get(ValueLayout.JAVA_FLOAT_UNALIGNED, (offset + index * stride) * 4);
  }

  public void set(long index, float value) {
    data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, (offset + index * stride) * 4, value);
  }
}
