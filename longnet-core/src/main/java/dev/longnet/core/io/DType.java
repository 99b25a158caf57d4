// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

/// Element types of tensors in files; the names are safetensors' own.
public enum DType {
  F64(8),
  F32(4),
  F16(2),
  BF16(2),
  F8_E4M3(1),
  F8_E5M2(1),
  I64(8),
  I32(4),
  I16(2),
  I8(1),
  U64(8),
  U32(4),
  U16(2),
  U8(1),
  BOOL(1);

  private final int size;

  DType(int size) {
    this.size = size;
  }

  /// Bytes of one element.
  public int size() {
    return size;
  }
}
