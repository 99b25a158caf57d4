// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.CorpusSource;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;

/// The way into every file of a source: looks at it, opens it as what it is, counts what came.
final class Door {
  private final CorpusSource source;
  private final Admission admission;
  private final Path scratch;
  private final Map<String, Long> readAs = new TreeMap<>();

  /// How a file came to be read.
  enum Found {
    /// It is the source.
    ALONE,
    /// A glob names it.
    LISTED,
    /// A folder holds it.
    IN_FOLDER
  }

  /// @param scratch a directory for temporary files
  Door(CorpusSource source, Admission admission, Path scratch) {
    this.source = source;
    this.admission = admission;
    this.scratch = scratch;
  }

  /// How many files have been opened in which way, in words.
  Map<String, Long> readAs() {
    return readAs;
  }

  /// Whether rows have names of their own, which globs and languages look at then.
  boolean rowsHaveNames() {
    return !source.nameField().isEmpty();
  }

  /// @throws RejectedException with what the file is, where that is nothing that is read
  Reading look(Path file, Found found) throws IOException {
    return Reading.of(file, source, admission.policy(), found == Found.IN_FOLDER);
  }

  void count(Reading reading) {
    readAs.merge(reading.words(), 1L, Long::sum);
  }

  /// @param name the file's path within the source, a document's name where the file is one
  DocumentReader open(Path file, Reading reading, String name, Found found) throws IOException {
    count(reading);
    boolean inFolder = found == Found.IN_FOLDER;
    String rows = inFolder ? name : file.getFileName().toString();
    return switch (reading.kind()) {
      case TEXT, OTHER_ROWS ->
          reading.isRaw()
              ? new TextFileReader(file, name, admission, found == Found.ALONE)
              : new UnpackedReader(file, reading, name, admission, found == Found.ALONE);
      case JSON_LINES, JSON_ARRAY -> new JsonReader(file, reading, rows, source, admission);
      case PARQUET ->
          new ParquetReader(file, rows, inFolder, source, admission, ParquetReader.PATIENCE);
      case FASTA ->
          new FastaReader(
              file, reading, name, source.sequences(), admission, scratch, found == Found.ALONE);
      case ZIP -> new ZipReader(file, admission);
      case TAR -> new TarReader(file, reading, admission, scratch);
    };
  }
}
