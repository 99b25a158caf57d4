// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.source.Sources;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;

/// Names a corpus by the parts of its configuration that decide which tokens come out. Weights do
/// not: they mix shards.
final class CorpusKey {
  private CorpusKey() {}

  /// The same from every directory.
  static String of(CorpusConfig given) throws IOException {
    CorpusConfig config = given.absolute();
    StringBuilder text = new StringBuilder("longnet tokens " + Manifest.VERSION + '\n');
    for (CorpusSource source : config.sources()) {
      boolean lies = CorpusSource.isFile(source.path()) || source.path().equals(CorpusSource.JDK);
      text.append(lies ? Sources.locate(source) : source.path())
          .append('\0')
          .append(source.textField())
          .append('\0')
          .append(source.nameField())
          .append('\0')
          .append(source.format())
          .append('\0')
          .append(source.sequences());
      text.append('\n');
    }
    // Records print all their parts.
    text.append(config.tokenizer()).append('\n').append(config.validation()).append('\n');
    text.append(config.filter())
        .append('\n')
        .append(config.duplicates())
        .append('\n')
        .append(config.input());
    // Corpora of before had no other.
    if (config.holdout().kind() != Holdout.Kind.DOCUMENT) {
      text.append('\n').append(config.holdout());
    }
    byte[] hash = Digests.sha256().digest(text.toString().getBytes(StandardCharsets.UTF_8));
    return HexFormat.of().formatHex(hash, 0, 16);
  }
}
