// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.OptionalDouble;

/// One place documents come from.
///
/// @param path a directory, an archive, a table (JSON lines, JSON array, Parquet), a FASTA or a
///   text file, a glob of such files, or `jdk`: the Java sources that come with the running JDK, or
///   an artifact of a Maven repository, see [MavenCoordinates], or a text that is made up, see
///   [RecallCorpus]
/// @param weight share of the training windows drawn from this source, relative to the others'
///   weights; empty: as many as it has tokens
/// @param textField the path of the field of a JSON row or column of a Parquet file that holds the
///   text, with dots between its names
/// @param nameField the field or column that names a document and that globs and languages look at;
///   empty: rows have no names and pass every filter of names
/// @param format whether each file is told by its content
/// @param sequences how the sequences of FASTA files become documents
public record CorpusSource(
    String path,
    OptionalDouble weight,
    String textField,
    String nameField,
    Format format,
    SequenceRule sequences) {

  /// How the files of a source are read.
  public enum Format {
    /// As what they are: texts, tables, archives, compressed or not.
    AUTO,
    /// Each file's own bytes are one document.
    TEXT
  }

  /// Where most corpora keep their text (The Stack: `content`).
  public static final String DEFAULT_TEXT_FIELD = "text";

  /// The path that stands for the running JDK's own sources.
  public static final String JDK = "jdk";

  public CorpusSource {
    if (path.isBlank()) {
      throw new IllegalArgumentException("a corpus source needs a path: path=");
    }
    if (MavenCoordinates.isOne(path)) {
      path = MavenCoordinates.parse(path).toString();
    }
    if (RecallCorpus.isOne(path)) {
      path = RecallCorpus.parse(path).toString();
    }
    if (textField.isBlank()) {
      throw new IllegalArgumentException(
          "text_field must name a field: text_field= (source " + path + ")");
    }
    if (weight.isPresent() && !(weight.getAsDouble() > 0 && weight.getAsDouble() < 1e9)) {
      throw new IllegalArgumentException(
          "weight must be positive: weight=" + weight.getAsDouble() + " (source " + path + ")");
    }
  }

  public CorpusSource(String path, OptionalDouble weight, String textField, String nameField) {
    this(path, weight, textField, nameField, Format.AUTO, SequenceRule.AS_WRITTEN);
  }

  /// The same source from every directory.
  CorpusSource absolute() {
    return isFile(path)
        ? new CorpusSource(absolute(path), weight, textField, nameField, format, sequences)
        : this;
  }

  /// Whether a path is one of the file system's.
  public static boolean isFile(String path) {
    return !path.equals(JDK) && !MavenCoordinates.isOne(path) && !RecallCorpus.isOne(path);
  }

  /// What is no path, as some globs on Windows, stays what it is.
  static String absolute(String path) {
    try {
      return Path.of(path).toAbsolutePath().normalize().toString();
    } catch (InvalidPathException e) {
      return path;
    }
  }

  public static CorpusSource of(String path) {
    return new CorpusSource(path, OptionalDouble.empty(), DEFAULT_TEXT_FIELD, "");
  }
}
