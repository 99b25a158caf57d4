// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.Charset;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Optional;

/// How a file is read.
///
/// @param charset of a text whose byte order mark says that it is UTF-16 or UTF-32; empty: UTF-8
public record Reading(Packing packing, Optional<Charset> charset, Kind kind) {

  /// What a file holds once it is unpacked.
  public enum Kind {
    TEXT("text"),
    OTHER_ROWS("text (JSON lines without the text field)"),
    JSON_LINES("JSON lines"),
    JSON_ARRAY("JSON array"),
    PARQUET("Parquet"),
    FASTA("FASTA"),
    ZIP("zip"),
    TAR("tar");

    private final String words;

    Kind(String words) {
      this.words = words;
    }
  }

  /// The file's own bytes are the document.
  static final Reading RAW = of(Packing.NONE, Kind.TEXT);

  static Reading of(Packing packing, Kind kind) {
    return new Reading(packing, Optional.empty(), kind);
  }

  /// Looks at a file.
  ///
  /// @param source says which field rows have, and whether every file is a text
  /// @param inFolder nobody named this file: a folder holds it, perhaps among source code
  /// @throws RejectedException with what the file is, where that is nothing that is read
  public static Reading of(Path file, CorpusSource source, InputPolicy policy, boolean inFolder)
      throws IOException {
    return source.format() == CorpusSource.Format.TEXT
        ? RAW
        : new FirstBytes(file, source, policy, inFolder).reading();
  }

  /// As [#of], for whoever takes texts as they come: no pipeline follows that finds the binary ones
  /// among them.
  ///
  /// @throws RejectedException for a binary file too, unless every file is a text
  public static Reading ofText(Path file, CorpusSource source, InputPolicy policy, boolean inFolder)
      throws IOException {
    Reading reading = of(file, source, policy, inFolder);
    if (source.format() != CorpusSource.Format.TEXT
        && policy.binary() != InputPolicy.Action.KEEP
        && reading.isText()
        && hasNul(file, reading, policy)) {
      throw new RejectedException(
          Reason.BINARY, "binary, a NUL byte at its beginning (format: text reads it as it is)");
    }
    return reading;
  }

  private static boolean hasNul(Path file, Reading reading, InputPolicy policy) {
    try (InputStream in = Sources.open(file, reading, policy)) {
      byte[] head = in.readNBytes(FirstBytes.HEAD);
      return new String(head, StandardCharsets.ISO_8859_1).indexOf('\0') >= 0;
    } catch (IOException e) { // whoever reads all of it says what is wrong with it
      return false;
    }
  }

  /// Whether the file's own bytes are the document.
  public boolean isRaw() {
    return isText() && packing == Packing.NONE && charset.isEmpty();
  }

  /// Whether the file is one document.
  public boolean isText() {
    return kind == Kind.TEXT || kind == Kind.OTHER_ROWS;
  }

  /// Whether the file is a table of documents: each has its own name, or none.
  boolean isRows() {
    return kind == Kind.JSON_LINES || kind == Kind.JSON_ARRAY || kind == Kind.PARQUET;
  }

  /// For summaries: "JSON lines in gzip".
  public String words() {
    return kind.words
        + charset.map(c -> " in " + c.name().replaceFirst("[BL]E$", "")).orElse("")
        + (packing == Packing.NONE ? "" : " in " + packing.words());
  }
}
