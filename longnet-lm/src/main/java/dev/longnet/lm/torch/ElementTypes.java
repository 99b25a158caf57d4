// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import dev.longnet.core.io.DType;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Element types of files and of libtorch.
public final class ElementTypes {
  private ElementTypes() {}

  public static ScalarType of(DType type) {
    return switch (type) {
      case F64 -> ScalarType.Double;
      case F32 -> ScalarType.Float;
      case F16 -> ScalarType.Half;
      case BF16 -> ScalarType.BFloat16;
      case F8_E4M3 -> ScalarType.Float8_e4m3fn;
      case F8_E5M2 -> ScalarType.Float8_e5m2;
      case I64 -> ScalarType.Long;
      case I32 -> ScalarType.Int;
      case I16 -> ScalarType.Short;
      case I8 -> ScalarType.Char;
      case U64 -> ScalarType.UInt64;
      case U32 -> ScalarType.UInt32;
      case U16 -> ScalarType.UInt16;
      case U8 -> ScalarType.Byte;
      case BOOL -> ScalarType.Bool;
    };
  }

  /// @throws IllegalArgumentException when files have no such type
  public static DType of(ScalarType type) {
    ScalarType known = type.intern();
    for (DType dtype : DType.values()) {
      if (of(dtype) == known) {
        return dtype;
      }
    }
    throw new IllegalArgumentException("safetensors has no type for tensors of " + known);
  }
}
