// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.List;

/// How the elements of a tensor are stored.
public enum ElementType {
  /// Arithmetic is float32.
  FLOAT32(4),
  /// The upper half of a float32. Arithmetic is float32.
  BFLOAT16(2),
  /// Arithmetic is float64, in plain loops whatever the kernel: for proofs, not for speed. Tensors
  /// of a call are all of this type or none.
  FLOAT64(8);

  /// The types that vector kernels and fused loops know.
  public static final List<ElementType> FAST = List.of(FLOAT32, BFLOAT16);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /// Bytes of one element.
  public int bytes() {
    return bytes;
  }

  /// The type in which sums of elements of this type are kept: float64 for itself, else float32.
  public ElementType sums() {
    return this == FLOAT64 ? FLOAT64 : FLOAT32;
  }

  /// The bfloat16 nearest to `value`, ties to even, as raw bits; NaN stays NaN.
  @SuppressWarnings("IdentityBinaryExpression") // NaN
  public static short toBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (value != value) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7FFF + (bits >>> 16 & 1) >>> 16);
  }

  /// The value of a bfloat16's raw bits.
  public static float fromBfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }
}
