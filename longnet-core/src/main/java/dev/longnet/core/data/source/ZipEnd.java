// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.ZipException;

/// What a zip's end record says, found by the rules of [java.util.zip.ZipFile], which allocates as
/// much as it says.
///
/// @param entries modulo 65,536, unless the zip is a zip64
record ZipEnd(long entries, long directoryBytes) {
  private static final int END_BYTES = 22;
  private static final int END = 0x06054b50;
  private static final int END64_BYTES = 56;
  private static final int END64 = 0x06064b50;
  private static final int LOCATOR64_BYTES = 20;
  private static final int LOCATOR64 = 0x07064b50;
  private static final int DIRECTORY_ENTRY = 0x02014b50;
  private static final int LOCAL_ENTRY = 0x04034b50;

  /// Where the JDK looks: the longest comment and one of its blocks.
  private static final int TAIL_BYTES = END_BYTES + 0xffff + 128;

  static ZipEnd of(Path path) throws IOException {
    try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
      long tailStart = Math.max(0, file.size() - TAIL_BYTES);
      ByteBuffer tail = read(file, tailStart, (int) (file.size() - tailStart));
      for (int i = tail.capacity() - END_BYTES; i >= 0; i--) {
        if (tail.getInt(i) != END) {
          continue;
        }
        int entries = Short.toUnsignedInt(tail.getShort(i + 10));
        long directoryBytes = Integer.toUnsignedLong(tail.getInt(i + 12));
        long offset = Integer.toUnsignedLong(tail.getInt(i + 16));
        int commentBytes = Short.toUnsignedInt(tail.getShort(i + 20));
        long position = tailStart + i;
        if (i + END_BYTES + commentBytes == tail.capacity()
            || isConsistent(file, position - directoryBytes, offset)) {
          return zip64(file, position, entries, directoryBytes, offset);
        }
      }
    }
    throw new ZipException("it has no end record");
  }

  /// Where the comment does not reach to the end of the file (or the signature is part of a
  /// comment).
  private static boolean isConsistent(FileChannel file, long directory, long offset)
      throws IOException {
    return read(file, directory, 4).getInt(0) == DIRECTORY_ENTRY
        && read(file, directory - offset, 4).getInt(0) == LOCAL_ENTRY;
  }

  private static ZipEnd zip64(
      FileChannel file, long position, int entries, long directoryBytes, long offset)
      throws IOException {
    ZipEnd plain = new ZipEnd(entries, directoryBytes);
    ByteBuffer locator = read(file, position - LOCATOR64_BYTES, LOCATOR64_BYTES);
    if (locator.getInt(0) != LOCATOR64) {
      return plain;
    }
    ByteBuffer end = read(file, locator.getLong(8), END64_BYTES);
    if (end.getInt(0) != END64
        || end.getLong(32) != entries && entries != 0xffff
        || end.getLong(40) != directoryBytes && directoryBytes != 0xffff_ffffL
        || end.getLong(48) != offset && offset != 0xffff_ffffL) {
      return plain;
    }
    return new ZipEnd(end.getLong(32), end.getLong(40));
  }

  /// Zeros stand for what lies outside of the file.
  private static ByteBuffer read(FileChannel file, long position, int bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    if (position < 0) {
      return buffer;
    }
    while (buffer.hasRemaining() && file.read(buffer, position + buffer.position()) >= 0) {
      // a file may give less than it was asked for
    }
    return buffer;
  }
}
