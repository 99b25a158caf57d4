// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/// Just enough of the protocol buffer wire format to write TensorBoard's events.
final class Protobuf {
  private static final int VARINT = 0;
  private static final int FIXED64 = 1;
  private static final int BYTES = 2;
  private static final int FIXED32 = 5;

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();

  /// Zero is the default, which the format leaves out.
  Protobuf varint(int field, long value) {
    if (value == 0) {
      return this;
    }
    rawVarint((long) field << 3 | VARINT);
    rawVarint(value);
    return this;
  }

  Protobuf float64(int field, double value) {
    rawVarint((long) field << 3 | FIXED64);
    out.writeBytes(little(8).putDouble(value).array());
    return this;
  }

  Protobuf float32(int field, float value) {
    rawVarint((long) field << 3 | FIXED32);
    out.writeBytes(little(4).putFloat(value).array());
    return this;
  }

  Protobuf text(int field, String value) {
    return bytes(field, value.getBytes(StandardCharsets.UTF_8));
  }

  Protobuf message(int field, Protobuf value) {
    return bytes(field, value.toBytes());
  }

  byte[] toBytes() {
    return out.toByteArray();
  }

  private Protobuf bytes(int field, byte[] value) {
    rawVarint((long) field << 3 | BYTES);
    rawVarint(value.length);
    out.writeBytes(value);
    return this;
  }

  private void rawVarint(long value) {
    long rest = value;
    while ((rest & ~0x7FL) != 0) {
      out.write((int) (rest & 0x7F | 0x80));
      rest >>>= 7;
    }
    out.write((int) rest);
  }

  private static ByteBuffer little(int size) {
    return ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
  }
}
