// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.Manifest;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/// What a build leaves that was killed after its last document, before its manifest.
public final class InterruptedBuild {
  private InterruptedBuild() {}

  /// @param shards a finished build
  /// @param building takes its files and a journal
  public static void copy(Path shards, Path building) throws IOException {
    Files.createDirectories(building);
    try (var files = Files.list(shards)) {
      for (Path file : (Iterable<Path>) files::iterator) {
        if (!file.endsWith(Manifest.FILE)) {
          Files.copy(file, building.resolve(file.getFileName().toString()));
        }
      }
    }
    Manifest m = Manifest.read(shards);
    long entries = m.sources().stream().mapToLong(s -> s.documents()).sum();
    new Journal(
            m.corpus(),
            m.tokenizerFingerprint(),
            List.copyOf(m.sources()),
            entries,
            false,
            Optional.empty(),
            0,
            m.shards())
        .write(building);
  }
}
