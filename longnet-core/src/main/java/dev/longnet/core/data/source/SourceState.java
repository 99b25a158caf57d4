// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.data.Digests;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.security.MessageDigest;
import java.util.HexFormat;

/// What a source looked like from outside, without reading it: enough to notice that it changed.
///
/// @param hash of every file's path, size and time of change
public record SourceState(String hash, long files, long bytes) {

  static SourceState ofFile(Path file) throws IOException {
    Builder state = new Builder();
    state.file(file, Files.readAttributes(file, BasicFileAttributes.class));
    return state.build();
  }

  /// What its name tells alone: an artifact that was downloaded again is the same one.
  static SourceState named(String name, long bytes) {
    Builder state = new Builder();
    state.line(name + '\0' + bytes + '\n');
    return new SourceState(state.build().hash(), 1, bytes);
  }

  /// Adds files one by one, in a stable order.
  static final class Builder {
    private final MessageDigest sha = Digests.sha256();
    private long files;
    private long bytes;

    void file(Path path, BasicFileAttributes attributes) {
      file(
          path,
          attributes.isRegularFile() ? attributes.size() : 0,
          attributes.lastModifiedTime().toMillis());
    }

    /// @param modified milliseconds
    void file(Path path, long size, long modified) {
      line(path.toString() + '\0' + size + '\0' + modified + '\n');
      files++;
      bytes += size;
    }

    /// Something that can't be read as a file.
    void other(Path path, Reason reason) {
      line(path.toString() + '\0' + reason + '\n');
    }

    private void line(String text) {
      sha.update(text.getBytes(StandardCharsets.UTF_8));
    }

    SourceState build() {
      return new SourceState(HexFormat.of().formatHex(sha.digest(), 0, 16), files, bytes);
    }
  }
}
