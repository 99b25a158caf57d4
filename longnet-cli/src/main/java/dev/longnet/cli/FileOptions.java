// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.SequenceRule;
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

  @Option(
      names = "--case",
      paramLabel = "CASE",
      description =
          "Letters of FASTA sequences: keep them, or make all of them upper (default: ${DEFAULT-VALUE}).")
  SequenceRule.Case letters = SequenceRule.Case.KEEP;

  @Option(
      names = "--unknown",
      paramLabel = "ACTION",
      description =
          "N in FASTA sequences: keep, skip, or split: another document begins behind them (default: "
              + "${DEFAULT-VALUE}).")
  SequenceRule.Unknown unknown = SequenceRule.Unknown.KEEP;

  @Option(
      names = "--max-ratio",
      paramLabel = "N",
      description = "Archives that expand further are bombs (default: ${DEFAULT-VALUE}).")
  int maxRatio = InputPolicy.DEFAULT.maxRatio();

  SequenceRule sequences() {
    return new SequenceRule(letters, unknown);
  }

  /// For files that are no corpus.
  InputPolicy policy() {
    InputPolicy d = InputPolicy.DEFAULT;
    return new InputPolicy(
        d.broken(), d.binary(), d.invalidUtf8(), maxRatio, d.maxArchiveBytes(), d.maxRowBytes());
  }

  /// For files that are no corpus.
  CorpusSource of(String path) {
    return new CorpusSource(path, OptionalDouble.empty(), textField, "", format, sequences());
  }
}
