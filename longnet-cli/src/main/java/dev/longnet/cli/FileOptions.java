// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusSource;
import java.util.OptionalDouble;
import picocli.CommandLine.Option;

/// The options that say how files are read.
final class FileOptions {
  @Option(
      names = "--format",
      paramLabel = "FORMAT",
      description =
          "auto: compressed files, tables and archives are told by their content; text: every file's own "
              + "bytes are its text (default: ${DEFAULT-VALUE}).")
  CorpusSource.Format format = CorpusSource.Format.AUTO;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description =
          "Field or column that holds the text of rows: JSON lines or arrays, Parquet (default: ${DEFAULT-VALUE}).")
  String textField = CorpusSource.DEFAULT_TEXT_FIELD;

  /// For files that are no corpus.
  CorpusSource of(String path) {
    return new CorpusSource(path, OptionalDouble.empty(), textField, "", format);
  }
}
