// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/// A file that grows by whole records, for readers that look at it meanwhile: of one that the disk
/// has no room for, nothing stays.
final class RecordFile implements Closeable {
  private final FileChannel channel;
  private long size;

  /// Behind what is there.
  ///
  /// @param how the file is made
  RecordFile(Path file, StandardOpenOption how) throws IOException {
    Set<OpenOption> options = Set.of(StandardOpenOption.WRITE, how);
    channel = FileChannel.open(file, options);
    try {
      size = channel.size();
    } catch (IOException e) {
      try (channel) {
        throw e;
      }
    }
  }

  void append(byte[] record) throws IOException {
    ByteBuffer left = ByteBuffer.wrap(record);
    try {
      while (left.hasRemaining()) {
        channel.write(left, size + left.position());
      }
    } catch (IOException e) {
      try {
        channel.truncate(size);
      } catch (IOException more) {
        e.addSuppressed(more);
      }
      throw e;
    }
    size += record.length;
  }

  @Override
  public void close() throws IOException {
    channel.close();
  }
}
