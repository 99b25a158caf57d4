// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.TypeConversionException;

/// The options that say what a corpus is, for commands without a recipe.
final class CorpusOptions {
  @Option(
      names = "--corpus",
      paramLabel = "PATH",
      description = {
        "A directory, archive, table, FASTA or text, compressed or not, or jdk: the running JDK's sources (default: jdk). "
            + "Repeat for several. A weight, PATH=WEIGHT, counts in longnet train alone."
      })
  List<String> corpus = List.of(CorpusSource.JDK);

  @Mixin FileOptions files;

  @Option(
      names = "--name-field",
      paramLabel = "NAME",
      description = "Field or column that names a row's document.")
  String nameField = "";

  @Option(
      names = "--include",
      paramLabel = "GLOB",
      description = "Only documents whose name matches; repeatable.")
  List<String> include = List.of();

  @Option(
      names = "--exclude",
      paramLabel = "GLOB",
      description = "No documents whose name matches; repeatable.")
  List<String> exclude = List.of();

  @Option(
      names = "--language",
      paramLabel = "NAME",
      split = ",",
      description = "Only files of these languages, told by extension: java, python, …")
  List<String> languages = List.of();

  @Option(
      names = "--min-bytes",
      paramLabel = "N",
      description = "Leave out smaller documents (default: ${DEFAULT-VALUE}).")
  long minBytes = 1;

  @Option(
      names = "--max-bytes",
      paramLabel = "N",
      description = "Leave out larger documents (default: no limit).")
  long maxBytes = Long.MAX_VALUE;

  @Option(
      names = "--duplicates",
      paramLabel = "KIND",
      description = {
        "Which copies to drop: exact, near (MinHash) or keep all of them: none (default: "
            + "${DEFAULT-VALUE}). Of documents "
            + "over 4 MiB near finds exact copies only; a text file that is a source of its own is never compared."
      })
  String duplicates = "exact";

  @Option(
      names = "--similarity",
      paramLabel = "S",
      description =
          "Similarity from which documents are near duplicates, 0.5 to 1 (default: ${DEFAULT-VALUE}).")
  double similarity = Duplicates.NEAR.similarity();

  @Option(
      names = "--validation",
      paramLabel = "SHARE",
      description =
          "Share of the documents or groups that is held out (default: ${DEFAULT-VALUE}).")
  double validation = CorpusConfig.DEFAULT_VALIDATION;

  @Option(
      names = "--holdout",
      paramLabel = "KIND",
      description =
          "Hold out each document by itself or whole groups, packages say: document or group (default: "
              + "${DEFAULT-VALUE}).")
  Holdout.Kind holdout = Holdout.Kind.DOCUMENT;

  @Option(
      names = "--group-depth",
      paramLabel = "N",
      description =
          "With --holdout group: how many directories of a document's path name its group (default: all).")
  int groupDepth = Holdout.PACKAGE;

  @Option(
      names = "--broken",
      paramLabel = "ACTION",
      description =
          "What to do about broken or hostile input: skip or refuse (default: ${DEFAULT-VALUE}).")
  InputPolicy.Action broken = InputPolicy.DEFAULT.broken();

  @Option(
      names = "--binary",
      paramLabel = "ACTION",
      description =
          "About documents with NUL bytes: keep, skip or refuse (default: ${DEFAULT-VALUE}).")
  InputPolicy.Action binary = InputPolicy.DEFAULT.binary();

  @Option(
      names = "--invalid-utf8",
      paramLabel = "ACTION",
      description =
          "About documents that are not UTF-8: keep, skip or refuse (default: ${DEFAULT-VALUE}).")
  InputPolicy.Action invalidUtf8 = InputPolicy.DEFAULT.invalidUtf8();

  @Option(
      names = "--max-archive-bytes",
      paramLabel = "N",
      description = "Archives that expand to more are bombs (default: ${DEFAULT-VALUE}).")
  long maxArchiveBytes = InputPolicy.DEFAULT.maxArchiveBytes();

  @Option(
      names = "--max-row-bytes",
      paramLabel = "N",
      description = "Longer rows of .jsonl and .parquet are broken (default: ${DEFAULT-VALUE}).")
  int maxRowBytes = InputPolicy.DEFAULT.maxRowBytes();

  CorpusConfig config(String tokenizer) {
    List<CorpusSource> sources = new ArrayList<>();
    for (String path : corpus) {
      sources.add(source(path));
    }
    Duplicates kind =
        switch (duplicates) {
          case "none" -> Duplicates.NONE;
          case "exact" -> Duplicates.EXACT;
          case "near" -> new Duplicates(Duplicates.Kind.NEAR, similarity);
          default ->
              throw new IllegalArgumentException(
                  "--duplicates must be none, exact or near: --duplicates " + duplicates);
        };
    return new CorpusConfig(
        sources,
        tokenizer,
        validation,
        new DocumentFilter(include, exclude, languages, minBytes, maxBytes),
        kind,
        new InputPolicy(broken, binary, invalidUtf8, files.maxRatio, maxArchiveBytes, maxRowBytes),
        new Holdout(holdout, groupDepth));
  }

  private CorpusSource source(String argument) {
    OptionalDouble weight = weight(argument);
    return new CorpusSource(
        path(argument, weight),
        weight,
        files.textField,
        nameField,
        files.format,
        files.sequences());
  }

  /// The weight of a `PATH=WEIGHT`. What is there under its whole name (`data/year=2023`) is a
  /// path.
  static OptionalDouble weight(String argument) {
    int equals = argument.lastIndexOf('=');
    try {
      if (equals > 0 && !Files.exists(Path.of(argument))) {
        return OptionalDouble.of(DecimalNumber.parse(argument.substring(equals + 1)));
      }
    } catch (TypeConversionException | InvalidPathException e) {
      // A path with an equals sign in it, or none that could be there: whoever reads it says so.
    }
    return OptionalDouble.empty();
  }

  /// @param weight what [#weight] found
  static String path(String argument, OptionalDouble weight) {
    return weight.isPresent() ? argument.substring(0, argument.lastIndexOf('=')) : argument;
  }
}
