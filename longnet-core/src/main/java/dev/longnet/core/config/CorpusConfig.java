// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;
import java.util.Objects;

/// What a model is trained on: where documents come from, which of them count, how they become
/// tokens.
///
/// @param sources mixed into one corpus, in this order
/// @param tokenizer `bytes`, `cl100k_base`, `o200k_base`, or the path of a Hugging Face
///   `tokenizer.json`
/// @param validation share of documents or groups held out, chosen by hash, in [0, 0.5]
/// @param holdout what is held out whole
public record CorpusConfig(
    List<CorpusSource> sources,
    String tokenizer,
    double validation,
    DocumentFilter filter,
    Duplicates duplicates,
    InputPolicy input,
    Holdout holdout) {

  /// One document in a hundred.
  public static final double DEFAULT_VALIDATION = 0.01;

  public CorpusConfig {
    sources = List.copyOf(sources);
    Objects.requireNonNull(filter, "filter");
    Objects.requireNonNull(duplicates, "duplicates");
    Objects.requireNonNull(input, "input");
    Objects.requireNonNull(holdout, "holdout");
    if (sources.isEmpty()) {
      throw new IllegalArgumentException("a corpus needs at least one source: sources=[]");
    }
    if (sources.size() > 1000) {
      throw new IllegalArgumentException(
          "a corpus has at most 1000 sources (a glob names many files): " + sources.size());
    }
    if (tokenizer.isBlank()) {
      throw new IllegalArgumentException(
          "tokenizer must be bytes, cl100k_base, o200k_base or a tokenizer.json: tokenizer=");
    }
    if (!(validation >= 0 && validation <= 0.5)) {
      throw new IllegalArgumentException(
          "validation must be from 0 to 0.5: validation=" + validation);
    }
    long weighted = sources.stream().filter(s -> s.weight().isPresent()).count();
    if (weighted != 0 && weighted != sources.size()) {
      throw new IllegalArgumentException(
          "weight must be given for all sources or for none: "
              + weighted
              + " of "
              + sources.size());
    }
  }

  /// A corpus of which documents are held out one by one.
  public CorpusConfig(
      List<CorpusSource> sources,
      String tokenizer,
      double validation,
      DocumentFilter filter,
      Duplicates duplicates,
      InputPolicy input) {
    this(sources, tokenizer, validation, filter, duplicates, input, Holdout.DOCUMENT);
  }

  /// A corpus with every default.
  ///
  /// @param paths as [CorpusSource#path()]
  public static CorpusConfig of(List<String> paths, String tokenizer) {
    return new CorpusConfig(
        paths.stream().map(CorpusSource::of).toList(),
        tokenizer,
        DEFAULT_VALIDATION,
        DocumentFilter.ALL,
        Duplicates.EXACT,
        InputPolicy.DEFAULT);
  }

  public CorpusConfig withTokenizer(String other) {
    return new CorpusConfig(sources, other, validation, filter, duplicates, input, holdout);
  }

  /// The same corpus from every directory: relative paths, of sources and of the tokenizer's file,
  /// start at the process's current directory.
  public CorpusConfig absolute() {
    return new CorpusConfig(
        sources.stream().map(CorpusSource::absolute).toList(),
        tokenizer.endsWith(".json") ? CorpusSource.absolute(tokenizer) : tokenizer,
        validation,
        filter,
        duplicates,
        input,
        holdout);
  }

  /// Whether sources are mixed by their weights instead of one after the other.
  public boolean weighted() {
    return sources.getFirst().weight().isPresent();
  }
}
