// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/// One document in a `.docs` file, 56 bytes little-endian. Positions count from the start of the
/// source's split, names from the start of the `.names` file.
///
/// @param hash0 first half of the text's 128-bit content hash
public record DocumentRecord(
    long firstToken,
    long tokens,
    long bytes,
    long hash0,
    long hash1,
    long textOffset,
    int nameOffset,
    int nameLength) {

  public static final int BYTES = 56;
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  static DocumentRecord read(MemorySegment docs, long index) {
    long at = index * BYTES;
    return new DocumentRecord(
        docs.get(LONG, at),
        docs.get(LONG, at + 8),
        docs.get(LONG, at + 16),
        docs.get(LONG, at + 24),
        docs.get(LONG, at + 32),
        docs.get(LONG, at + 40),
        docs.get(INT, at + 48),
        docs.get(INT, at + 52));
  }

  /// Appends to a little-endian buffer.
  public void write(ByteBuffer out) {
    out.putLong(firstToken)
        .putLong(tokens)
        .putLong(bytes)
        .putLong(hash0)
        .putLong(hash1)
        .putLong(textOffset);
    out.putInt(nameOffset).putInt(nameLength);
  }
}
