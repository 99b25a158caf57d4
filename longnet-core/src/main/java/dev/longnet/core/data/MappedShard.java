// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// The mapped files of one shard, each as long as the manifest says.
record MappedShard(
    ShardInfo info,
    MemorySegment tokens,
    MemorySegment docs,
    MemorySegment names,
    MemorySegment text) {

  static MappedShard open(Path directory, ShardInfo info, int bits, Arena arena)
      throws IOException {
    return new MappedShard(
        info,
        map(directory, info.baseName() + ".tokens", bytes(info.tokens(), bits / 8), arena),
        map(
            directory,
            info.baseName() + ".docs",
            bytes(info.documents(), DocumentRecord.BYTES),
            arena),
        map(directory, info.baseName() + ".names", info.nameBytes(), arena),
        info.split() == Split.VALIDATION
            ? map(directory, info.baseName() + ".text", info.textBytes(), arena)
            : MemorySegment.NULL);
  }

  /// No file is as long as the largest number, which stands for more than that.
  private static long bytes(long count, int each) {
    return count > Long.MAX_VALUE / each ? Long.MAX_VALUE : count * each;
  }

  private static MemorySegment map(Path directory, String name, long bytes, Arena arena)
      throws IOException {
    Path file = directory.resolve(name);
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      if (channel.size() != bytes) {
        throw new IllegalArgumentException(
            "token shards are corrupted: "
                + file
                + " has "
                + channel.size()
                + " bytes, its manifest says "
                + bytes);
      }
      return channel.map(FileChannel.MapMode.READ_ONLY, 0, bytes, arena);
    }
  }
}
