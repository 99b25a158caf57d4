// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// How the elements of a tensor are stored. Arithmetic is float32 for both.
public enum ElementType {
  FLOAT32(4),
  /// The upper half of a float32.
  BFLOAT16(2);

  private final int bytes;

  ElementType(int bytes) {
    this.bytes = bytes;
  }

  /// Bytes of one element.
  public int bytes() {
    return bytes;
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
