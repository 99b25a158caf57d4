// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;

/// What a walk through a source found: texts (a byte a character, or the length of a streamed one)
/// by name, reasons by name.
record Walked(Map<String, String> texts, Map<String, Reason> rejected) {

  static Walked of(Path path, Path scratch) throws IOException {
    return of(source(path), DocumentFilter.ALL, InputPolicy.DEFAULT, scratch);
  }

  static CorpusSource source(Path path) {
    return new CorpusSource(path.toString(), OptionalDouble.empty(), "text", "");
  }

  static Walked of(CorpusSource source, DocumentFilter filter, InputPolicy policy, Path scratch)
      throws IOException {
    Admission admission = new Admission(filter, policy);
    // Less patient than the real one: some damaged files make the Parquet library loop.
    return of(
        source.path().endsWith(".parquet")
            ? new ParquetReader(
                Path.of(source.path()),
                Path.of(source.path()).getFileName().toString(),
                false,
                source,
                admission,
                Duration.ofSeconds(2))
            : Sources.open(source, Sources.state(source), admission, scratch));
  }

  /// @param reader closed at the end
  static Walked of(DocumentReader reader) throws IOException {
    Map<String, String> texts = new LinkedHashMap<>();
    Map<String, Reason> rejected = new TreeMap<>();
    try (reader) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        switch (entry) {
          case Entry.Rejected r -> rejected.put(r.name(), r.reason());
          case Entry.Text t -> {
            try {
              Entry.Loaded loaded = t.loader().load();
              texts.put(loaded.name(), new String(loaded.text(), StandardCharsets.ISO_8859_1));
            } catch (RejectedException e) {
              rejected.put(t.name(), e.reason());
            } catch (IOException e) {
              rejected.put(t.name(), Reason.UNREADABLE);
            }
          }
          case Entry.Streamed s -> {
            try (InputStream in = s.opener().open()) {
              long n = in.transferTo(OutputStream.nullOutputStream());
              texts.put(s.name(), n + " bytes");
            } catch (IOException e) {
              rejected.put(s.name(), Reason.UNREADABLE);
            }
          }
        }
        assertThat(reader.progress()).isBetween(0.0, 1.0);
      }
    }
    return new Walked(texts, rejected);
  }
}
