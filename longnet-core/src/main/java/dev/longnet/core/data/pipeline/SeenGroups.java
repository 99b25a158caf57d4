// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.Split;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.jspecify.annotations.Nullable;

/// Counts groups of documents, each once a split, however often an archive comes back to it. Their
/// hashes lie in a file, 16 bytes each, for a build that is taken up again. One thread.
final class SeenGroups implements AutoCloseable {
  private static final String FILE = "groups.tmp";
  private static final int BYTES = 16;

  private final Path file;
  private final SeenHashes seen = new SeenHashes();

  /// Opened where the first group is: most corpora have none.
  private @Nullable FileChannel channel;

  private long size;

  SeenGroups(Path directory) {
    this.file = directory.resolve(FILE);
  }

  /// Takes up the groups that an earlier run counted.
  void remember(long count) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    for (; size < count; size++) {
      bytes.clear();
      while (bytes.hasRemaining()) {
        if (opened().read(bytes, size * BYTES + bytes.position()) < 0) {
          throw new EOFException(
              file + " lost groups; delete the directory it is in to start anew");
        }
      }
      bytes.flip();
      seen.add(new ContentHash(bytes.getLong(), bytes.getLong()));
    }
  }

  /// @return whether it is the group's first document in this split
  boolean add(ContentHash group, Split split) throws IOException {
    ContentHash inSplit =
        new ContentHash(group.hash0(), group.hash1() + (split == Split.TRAIN ? 0 : 1));
    if (!seen.add(inSplit)) {
      return false;
    }
    ByteBuffer bytes = ByteBuffer.allocate(BYTES);
    bytes.putLong(inSplit.hash0()).putLong(inSplit.hash1()).flip();
    while (bytes.hasRemaining()) {
      opened().write(bytes, size * BYTES + bytes.position());
    }
    size++;
    return true;
  }

  private FileChannel opened() throws IOException {
    if (channel == null) {
      channel =
          FileChannel.open(
              file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }
    return channel;
  }

  @Override
  public void close() throws IOException {
    try (seen;
        FileChannel _ = channel) {
      return;
    }
  }
}
