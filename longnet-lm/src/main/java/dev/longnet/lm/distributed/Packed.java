// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/// Several byte arrays in one.
final class Packed {
  private Packed() {}

  static byte[] of(List<byte[]> parts) {
    ByteBuffer packed =
        ByteBuffer.allocate(4 * parts.size() + parts.stream().mapToInt(p -> p.length).sum());
    for (byte[] part : parts) {
      packed.putInt(part.length).put(part);
    }
    return packed.array();
  }

  static List<byte[]> list(byte[] packed) {
    ByteBuffer buffer = ByteBuffer.wrap(packed);
    List<byte[]> parts = new ArrayList<>();
    while (buffer.hasRemaining()) {
      byte[] part = new byte[buffer.getInt()];
      buffer.get(part);
      parts.add(part);
    }
    return parts;
  }
}
