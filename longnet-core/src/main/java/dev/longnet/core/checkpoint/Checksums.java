// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Section;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import java.util.zip.CRC32C;

/// `checksums.json` of a directory: length and CRC-32C of each other file, so that a cut or damaged
/// one is refused before it is used.
public final class Checksums {
  private static final String FILE = "checksums.json";
  private static final ObjectMapper JSON = new ObjectMapper();

  private Checksums() {}

  public static void write(Path directory) throws IOException {
    ObjectNode tree = JSON.createObjectNode();
    List<Path> files;
    try (Stream<Path> all = Files.list(directory)) {
      files = all.sorted().toList();
    }
    for (Path file : files) {
      tree.putObject(file.getFileName().toString())
          .put("bytes", Files.size(file))
          .put("crc32c", crc(file));
    }
    JSON.writerWithDefaultPrettyPrinter().writeValue(directory.resolve(FILE).toFile(), tree);
  }

  /// Does nothing where the directory has no checksums: a model put together by hand or by another
  /// program.
  public static void verify(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    if (!Files.exists(file)) {
      return;
    }
    ObjectNode tree = Checkpoint.readObject(file);
    Section sums = Section.root(tree, file.toString());
    Set<String> there;
    try (Stream<Path> all = Files.list(directory)) {
      there =
          all.filter(Files::isRegularFile)
              .map(path -> path.getFileName().toString())
              .collect(Collectors.toSet());
    }
    for (String name : (Iterable<String>) tree::fieldNames) {
      if (!there.contains(name)) {
        throw new IllegalArgumentException(
            "damaged checkpoint: " + name + " is missing: " + directory);
      }
      Path sibling = directory.resolve(name);
      Section expected = sums.section(name);
      long bytes = expected.wholeNumber("bytes", -1, 0);
      if (Files.size(sibling) != bytes) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "damaged checkpoint: %s has %d bytes, not %d as written",
                sibling,
                Files.size(sibling),
                bytes));
      }
      if (crc(sibling) != expected.wholeNumber("crc32c", -1, 0)) {
        throw new IllegalArgumentException(
            "damaged checkpoint: " + sibling + " differs from what was written (CRC-32C)");
      }
    }
  }

  private static long crc(Path file) throws IOException {
    CRC32C crc = new CRC32C();
    ByteBuffer buffer = ByteBuffer.allocateDirect(1 << 20);
    try (FileChannel channel = FileChannel.open(file)) {
      while (channel.read(buffer) >= 0) {
        crc.update(buffer.flip());
        buffer.clear();
      }
    }
    return crc.getValue();
  }
}
