// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;

/// Weight-only int8: a matrix as `name` [out, in] int8 and `name.scale` `[out]` float32, w = scale
/// * i with scale = max |w| / 127 of its row, i in [-127, 127].
public final class Int8Rows {
  /// What the scales of an int8 matrix are named after it.
  public static final String SCALE = ".scale";

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Int8Rows() {}

  /// An int8 matrix and its scales.
  public record Pair(TensorEntry matrix, TensorEntry scales) {}

  /// @param matrix [out, in] float32
  /// @throws IllegalArgumentException when it is of another type, or holds NaN or infinity
  public static Pair quantize(TensorEntry matrix, Arena arena) {
    if (matrix.type() == DType.I8) {
      throw new IllegalArgumentException("already quantised: tensor " + matrix.name());
    }
    if (matrix.type() != DType.F32) {
      throw new IllegalArgumentException(
          "tensor " + matrix.name() + " must be F32: dtype=" + matrix.type());
    }
    long out = matrix.shape()[0];
    long in = matrix.shape()[1];
    MemorySegment values = arena.allocate(Math.max(1, out * in)).asSlice(0, out * in);
    MemorySegment scales = arena.allocate(4 * out, 4);
    for (long row = 0; row < out; row++) {
      float largest = 0;
      for (long i = 0; i < in; i++) {
        float w = matrix.data().get(FLOAT, 4 * (row * in + i));
        if (!Float.isFinite(w)) {
          throw new IllegalArgumentException(
              "tensor " + matrix.name() + " holds " + w + ": not a trained weight");
        }
        largest = Math.max(largest, Math.abs(w));
      }
      float scale = largest / 127;
      scales.set(FLOAT, 4 * row, scale);
      for (long i = 0; i < in; i++) {
        float w = matrix.data().get(FLOAT, 4 * (row * in + i));
        values.set(
            ValueLayout.JAVA_BYTE,
            row * in + i,
            scale == 0 ? 0 : (byte) Math.clamp(Math.round(w / scale), -127, 127));
      }
    }
    return new Pair(
        new TensorEntry(matrix.name(), DType.I8, matrix.shape(), values),
        new TensorEntry(matrix.name() + SCALE, DType.F32, new long[] {out}, scales));
  }

  /// The float32 matrix that an int8 one stands for.
  ///
  /// @throws IllegalArgumentException when the scales are not float32, one a row
  public static TensorEntry dequantize(TensorEntry matrix, TensorEntry scales, Arena arena) {
    long out = matrix.shape()[0];
    if (scales.type() != DType.F32 || !Arrays.equals(scales.shape(), new long[] {out})) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s must be F32 of shape [%d], a scale a row: %s %s",
              scales.name(),
              out,
              scales.type(),
              Arrays.toString(scales.shape())));
    }
    long in = matrix.elements() / Math.max(1, out);
    MemorySegment values = arena.allocate(Math.max(1, 4 * out * in), 64).asSlice(0, 4 * out * in);
    for (long row = 0; row < out; row++) {
      float scale = scales.data().get(FLOAT, 4 * row);
      for (long i = row * in; i < (row + 1) * in; i++) {
        values.set(FLOAT, 4 * i, scale * matrix.data().get(ValueLayout.JAVA_BYTE, i));
      }
    }
    return new TensorEntry(matrix.name(), DType.F32, matrix.shape(), values);
  }
}
