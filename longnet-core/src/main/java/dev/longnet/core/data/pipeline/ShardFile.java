// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/// A file written once from front to end, with the checksum and count of what went into it.
///
/// Bytes pass through one buffer outside the heap and, where the file system allows it, from there
/// to the disk around the page cache: nobody reads a shard soon, and fresh pages for the cache cost
/// several times what the disk does (docs/log.md).
final class ShardFile implements AutoCloseable {
  private static final int BUFFER = 1 << 20;

  /// At least the block size of any file system, which writes around the cache are aligned to.
  private static final int ALIGNMENT = 1 << 16;

  private final Path file;
  private final Arena arena = Arena.ofConfined();
  private final MemorySegment buffer = arena.allocate(BUFFER, ALIGNMENT);
  private final CRC32C crc = new CRC32C();
  private final FileChannel out;
  private @Nullable FileChannel around;
  private int used;
  private long written;

  /// Makes the file, or one anew. For the thread that opened it alone.
  ShardFile(Path file) throws IOException {
    this.file = file;
    this.out =
        FileChannel.open(
            file,
            StandardOpenOption.CREATE,
            StandardOpenOption.TRUNCATE_EXISTING,
            StandardOpenOption.WRITE);
  }

  void write(MemorySegment data) throws IOException {
    for (long at = 0; at < data.byteSize(); ) {
      long part = Math.min(data.byteSize() - at, BUFFER - used);
      MemorySegment.copy(data, at, buffer, used, part);
      used += (int) part;
      at += part;
      if (used == BUFFER) {
        flush();
      }
    }
  }

  private void flush() throws IOException {
    ByteBuffer bytes = buffer.asSlice(0, used).asByteBuffer();
    crc.update(bytes);
    bytes.rewind();
    if (used == BUFFER) {
      writeAround(bytes);
    }
    while (bytes.hasRemaining()) {
      written += out.write(bytes, written);
    }
    used = 0;
  }

  /// Writes what can be written so. What can't, for whatever reason, is left: the plain channel
  /// writes it or says why not.
  private void writeAround(ByteBuffer bytes) {
    try {
      if (around == null) {
        around = FileChannel.open(file, StandardOpenOption.WRITE, aroundTheCache());
      }
      if (around != out) {
        written += around.write(bytes, written);
      }
    } catch (IOException | RuntimeException | ReflectiveOperationException e) {
      closeAround();
      around = out;
    }
  }

  /// The JDK's O_DIRECT, by name: javac warns of `com.sun` names in a way nothing can turn off.
  private static OpenOption aroundTheCache() throws ReflectiveOperationException {
    return (OpenOption)
        Class.forName("com.sun.nio.file.ExtendedOpenOption").getField("DIRECT").get(null);
  }

  private void closeAround() {
    if (around != null && around != out) {
      try {
        around.close();
      } catch (IOException e) {
        // All it wrote is written.
      }
    }
  }

  long bytes() {
    return written + used;
  }

  /// CRC-32C of the whole file, once it is closed.
  long crc() {
    return crc.getValue();
  }

  @Override
  public void close() throws IOException {
    try (arena;
        out) {
      flush();
    } finally {
      closeAround();
    }
  }
}
