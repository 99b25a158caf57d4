// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/// Floating-point tensors of files as float32.
public final class Floats {
  private static final ValueLayout.OfFloat F32 =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble F64 =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort BITS =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Floats() {}

  /// Whether elements of the type have a float32 value.
  public static boolean isFloating(DType type) {
    return switch (type) {
      case F64, F32, F16, BF16 -> true;
      case F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL -> false;
    };
  }

  /// Element `index`, counted in row-major order; float64 is rounded.
  ///
  /// @throws IllegalArgumentException when the tensor's type is none of F64, F32, F16, BF16
  public static float get(TensorEntry tensor, long index) {
    MemorySegment data = tensor.data();
    return switch (tensor.type()) {
      case F64 -> (float) data.get(F64, 8 * index);
      case F32 -> data.get(F32, 4 * index);
      case F16 -> Float.float16ToFloat(data.get(BITS, 2 * index));
      case BF16 -> Float.intBitsToFloat(data.get(BITS, 2 * index) << 16);
      case F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL ->
          throw new IllegalArgumentException(
              "tensor " + tensor.name() + " must be F64, F32, F16 or BF16: dtype=" + tensor.type());
    };
  }

  /// The tensor in float32: itself when it is that already, else a copy.
  ///
  /// @param arena owns the copy
  public static TensorEntry toFloat32(TensorEntry tensor, Arena arena) {
    if (tensor.type() == DType.F32) {
      return tensor;
    }
    long elements = tensor.elements();
    MemorySegment floats = arena.allocate(Math.multiplyExact(4, elements), 64);
    for (long i = 0; i < elements; i++) {
      floats.set(F32, 4 * i, get(tensor, i));
    }
    return new TensorEntry(tensor.name(), DType.F32, tensor.shape(), floats);
  }

  /// The first element that is NaN or infinite; -1 when there is none.
  public static long firstNotFinite(TensorEntry tensor) {
    long elements = tensor.elements();
    for (long i = 0; i < elements; i++) {
      if (!Float.isFinite(get(tensor, i))) {
        return i;
      }
    }
    return -1;
  }
}
