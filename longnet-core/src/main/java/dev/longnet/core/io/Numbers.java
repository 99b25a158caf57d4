// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Locale;

/// Floating-point tensors from one width to another: widening is exact, narrowing rounds to nearest
/// even.
public final class Numbers {
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Numbers() {}

  public static boolean isFloating(DType type) {
    return type == DType.F64 || type == DType.F32 || type == DType.F16 || type == DType.BF16;
  }

  /// The tensor itself where it has the type already.
  ///
  /// @param arena of the result's memory
  /// @throws IllegalArgumentException unless both types are F64, F32, F16 or BF16, and where a
  ///   finite number would become infinite
  public static TensorEntry convert(TensorEntry tensor, DType type, Arena arena) {
    if (tensor.type() == type) {
      return tensor;
    }
    if (!isFloating(tensor.type()) || !isFloating(type)) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "tensor %s: %s does not convert to %s",
              tensor.name(),
              tensor.type(),
              type));
    }
    long count = tensor.elements();
    MemorySegment to =
        count == 0
            ? MemorySegment.NULL
            : arena.allocate(Math.multiplyExact(count, type.size()), 64);
    for (long i = 0; i < count; i++) {
      double value = get(tensor.data(), tensor.type(), i);
      set(to, type, i, value);
      if (Double.isInfinite(get(to, type, i)) && !Double.isInfinite(value)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "tensor %s holds %s, which is beyond the range of %s: choose a wider type",
                tensor.name(),
                value,
                type));
      }
    }
    return new TensorEntry(tensor.name(), type, tensor.shape(), to);
  }

  /// Element `i` of a tensor's memory; integers and booleans too.
  public static double get(MemorySegment data, DType type, long i) {
    return switch (type) {
      case F64 -> data.get(DOUBLE, 8 * i);
      case F32 -> data.get(FLOAT, 4 * i);
      case F16 -> Float.float16ToFloat(data.get(SHORT, 2 * i));
      case BF16 -> Float.intBitsToFloat(data.get(SHORT, 2 * i) << 16);
      case I64 ->
          data.get(ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 8 * i);
      case I32 ->
          data.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4 * i);
      case U32 ->
          data.get(ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), 4 * i)
              & 0xffffffffL;
      case I16 -> data.get(SHORT, 2 * i);
      case U16 -> data.get(SHORT, 2 * i) & 0xffff;
      case I8 -> data.get(ValueLayout.JAVA_BYTE, i);
      case U8, BOOL -> data.get(ValueLayout.JAVA_BYTE, i) & 0xff;
      case U64, F8_E4M3, F8_E5M2 ->
          throw new IllegalArgumentException("numbers of type " + type + " are not read");
    };
  }

  private static void set(MemorySegment data, DType type, long i, double value) {
    switch (type) {
      case F64 -> data.set(DOUBLE, 8 * i, value);
      case F32 -> data.set(FLOAT, 4 * i, (float) value);
      case F16 -> data.set(SHORT, 2 * i, Float.floatToFloat16((float) value));
      case BF16 -> data.set(SHORT, 2 * i, toBfloat16((float) value));
      default -> throw new IllegalArgumentException("numbers of type " + type + " are not written");
    }
  }

  private static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
