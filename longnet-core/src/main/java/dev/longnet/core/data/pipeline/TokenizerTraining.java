// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.source.Admission;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.Reason;
import dev.longnet.core.data.source.RejectedException;
import dev.longnet.core.data.source.SourceState;
import dev.longnet.core.data.source.Sources;
import dev.longnet.core.data.tokenizer.TokenizerFile;
import dev.longnet.core.data.tokenizer.WordCounts;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;

/// Trains a byte-level BPE on a corpus: counts its words with several threads, then learns merges
/// with one. Documents are admitted as tokenization admits them, and what is left out is counted
/// and named likewise.
public final class TokenizerTraining {
  private static final long BATCH_BYTES = 1 << 20;

  private final CorpusConfig config;
  private final Admission admission;
  private final long maxBytes;
  private final TokenizationListener listener;
  private final Workers<Counted> workers;

  /// Whether held-out groups are not counted.
  private final boolean trainingGroups;

  /// Whose held-out groups are not counted; empty: everything is.
  private Optional<SplitRule> heldOut = Optional.empty();

  private final WordCounts total = new WordCounts();
  private final long start = System.nanoTime();
  private long bytes;
  private long documents;

  /// Of the source under way.
  @SuppressWarnings("NullAway.Init") // set before each source
  private Tally tally;

  /// What a tokenizer was learned from.
  ///
  /// @param json the content of a `tokenizer.json`
  /// @param sources as far as they were read; they have no tokens
  public record Result(String json, List<SourceSummary> sources) {}

  /// What a worker found in some documents, or in a piece of one.
  private record Counted(
      WordCounts words, long documents, long bytes, List<Entry.Rejected> rejected) {}

  private TokenizerTraining(
      CorpusConfig config,
      boolean trainingGroups,
      long maxBytes,
      int threads,
      TokenizationListener listener) {
    this.config = config;
    this.trainingGroups = trainingGroups;
    this.admission = new Admission(config.filter(), config.input());
    this.maxBytes = maxBytes;
    this.listener = listener;
    // The words of a batch that waits take several times its text.
    this.workers = new Workers<>(threads, Math.min(24, 2L * threads + 4) * BATCH_BYTES);
  }

  /// Counts the words of all documents.
  ///
  /// @param config its tokenizer, weights, duplicates and validation share do not matter
  /// @param vocabularySize the end-of-text token included
  /// @param maxBytes of text to count words in: each source's beginning, in equal shares as far as
  ///   they reach
  public static Result train(
      CorpusConfig config,
      int vocabularySize,
      long maxBytes,
      int threads,
      TokenizationListener listener)
      throws IOException {
    return train(config, false, vocabularySize, maxBytes, threads, listener);
  }

  /// As [#train], but held-out groups ([Holdout.Kind#GROUP]) teach it nothing: an experiment's
  /// tokenizer has not seen what its models are measured on.
  public static Result trainOnTrainingGroups(
      CorpusConfig config,
      int vocabularySize,
      long maxBytes,
      int threads,
      TokenizationListener listener)
      throws IOException {
    if (config.holdout().kind() != Holdout.Kind.GROUP) {
      throw new IllegalArgumentException(
          "corpus.holdout must be group to leave held-out groups out: holdout=document");
    }
    return train(config, true, vocabularySize, maxBytes, threads, listener);
  }

  private static Result train(
      CorpusConfig config,
      boolean trainingGroups,
      int vocabularySize,
      long maxBytes,
      int threads,
      TokenizationListener listener)
      throws IOException {
    if (vocabularySize < TokenizerFile.SMALLEST_VOCABULARY) {
      throw new IllegalArgumentException(
          "vocab_size must be at least "
              + TokenizerFile.SMALLEST_VOCABULARY
              + ": vocab_size="
              + vocabularySize);
    }
    if (maxBytes < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "sample_bytes and threads must be positive: " + maxBytes + ", " + threads);
    }
    TokenizerTraining training =
        new TokenizerTraining(config, trainingGroups, maxBytes, threads, listener);
    List<SourceSummary> sources;
    try (Workers<Counted> _ = training.workers) {
      sources = training.countWords(Path.of(System.getProperty("java.io.tmpdir")));
    }
    Tally.refuseEmpty(sources);
    listener.message(
        String.format(
            Locale.ROOT,
            "%,d different words in %,d documents (%.1f MB): learning merges",
            training.total.distinct(),
            training.documents,
            training.bytes / 1e6));
    return new Result(TokenizerFile.train(training.total, vocabularySize), sources);
  }

  /// The smallest source first: what it leaves of its share, the larger ones get.
  private List<SourceSummary> countWords(Path scratch) throws IOException {
    Sources.fetch(config.sources(), listener::message);
    List<SourceState> states = new ArrayList<>();
    for (CorpusSource source : config.sources()) {
      states.add(Sources.state(source));
    }
    if (trainingGroups) {
      heldOut = Optional.of(GroupChoice.rule(config, states, scratch));
    }
    List<Integer> order =
        IntStream.range(0, states.size())
            .boxed()
            .sorted(Comparator.comparingLong(i -> states.get(i).bytes()))
            .toList();
    SourceSummary[] summaries = new SourceSummary[states.size()];
    for (int i = 0; i < order.size(); i++) {
      int source = order.get(i);
      long share = Math.max(1, (maxBytes - bytes) / (order.size() - i));
      tally = new Tally(config.sources().get(source).path(), states.get(source).hash());
      countWords(config.sources().get(source), states.get(source), scratch, bytes + share);
      summaries[source] = tally.summary();
    }
    return List.of(summaries);
  }

  /// @param until how many bytes are enough
  private void countWords(CorpusSource source, SourceState state, Path scratch, long until)
      throws IOException {
    String label = Sources.label(source);
    try (DocumentReader reader = Sources.open(source, state, admission, scratch)) {
      var place = new SplitRule.Place(label, reader.container());
      List<Entry.Text> batch = new ArrayList<>();
      long batchBytes = 0;
      while (bytes + batchBytes < until) {
        Entry entry = reader.next();
        if (entry == null) {
          break;
        }
        if (!place.container().equals(reader.container())) {
          submit(batch, batchBytes, place);
          batch = new ArrayList<>();
          batchBytes = 0;
          place = new SplitRule.Place(label, reader.container());
        }
        switch (entry) {
          case Entry.Rejected rejected -> reject(rejected);
          case Entry.Text text -> {
            batch.add(text);
            batchBytes += text.size();
          }
          case Entry.Streamed large -> countLarge(large, until - batchBytes, place);
        }
        if (batchBytes >= BATCH_BYTES) {
          submit(batch, batchBytes, place);
          batch = new ArrayList<>();
          batchBytes = 0;
        }
        report(reader.progress());
      }
      submit(batch, batchBytes, place);
      while (!workers.isEmpty()) {
        take();
      }
      tally.readAs(reader.readAs());
    }
  }

  private void reject(Entry.Rejected rejected) {
    admission.skipOrRefuse(tally.path(), rejected);
    tally.reject(rejected);
  }

  private void take() {
    Counted counted = workers.take();
    counted.rejected().forEach(this::reject);
    total.add(counted.words());
    documents += counted.documents();
    tally.documents += counted.documents();
    tally.bytes += counted.bytes();
  }

  private boolean isHeldOut(SplitRule.Place place, String name) {
    return heldOut.stream()
        .flatMap(rule ->
            rule.group(place, name).stream().map(group -> rule.split(group, Optional.of(group))))
        .anyMatch(Split.VALIDATION::equals);
  }

  private void submit(List<Entry.Text> batch, long size, SplitRule.Place place) {
    while (workers.isFull()) {
      take();
    }
    bytes += size;
    workers.submit(() -> count(batch, place), size);
  }

  /// On a worker's thread.
  private Counted count(List<Entry.Text> batch, SplitRule.Place place) {
    WordCounts words = new WordCounts();
    List<Entry.Rejected> rejected = new ArrayList<>();
    long counted = 0;
    long read = 0;
    for (Entry.Text text : batch) {
      try {
        Entry.Loaded loaded = text.loader().load();
        Optional<Entry.Rejected> size = admission.rejectBySize(loaded.name(), loaded.text().length);
        Optional<Reason> content = DocumentEncoder.Content.judge(loaded.text(), admission.policy());
        if (size.isPresent()) {
          rejected.add(size.get());
        } else if (content.isPresent()) {
          rejected.add(
              new Entry.Rejected(text.name(), content.get(), loaded.text().length + " bytes"));
        } else if (!isHeldOut(place, loaded.name())) {
          words.add(loaded.text());
          counted++;
          read += loaded.text().length;
        }
      } catch (RejectedException e) {
        rejected.add(new Entry.Rejected(text.name(), e.reason(), e.getMessage()));
      } catch (IOException e) {
        rejected.add(
            new Entry.Rejected(text.name(), Reason.UNREADABLE, String.valueOf(e.getMessage())));
      }
    }
    return new Counted(words, counted, read, rejected);
  }

  /// Judges what is to be counted of a document, then counts it: a library of 100 MB must not teach
  /// words of machine code before something in it gives it away.
  private void countLarge(Entry.Streamed large, long until, SplitRule.Place place) {
    if (isHeldOut(place, large.name())) {
      return;
    }
    long wanted = Math.min(large.size(), until - bytes);
    try {
      judge(large, wanted);
      count(large, wanted);
      documents++;
      tally.documents++;
    } catch (IOException e) {
      reject(LargeDocument.rejection(large.name(), e));
    }
  }

  private void judge(Entry.Streamed large, long wanted) throws IOException {
    boolean beginningTells = admission.policy().invalidUtf8() == InputPolicy.Action.KEEP;
    read(
        large,
        wanted,
        (piece, before) -> {
          DocumentEncoder.Content.judge(piece, before, admission.policy());
          return !beginningTells;
        });
  }

  private void count(Entry.Streamed large, long wanted) throws IOException {
    read(
        large,
        wanted,
        (piece, _) -> {
          while (workers.isFull()) {
            take();
          }
          bytes += piece.length;
          workers.submit(
              () -> {
                WordCounts words = new WordCounts();
                words.add(piece);
                return new Counted(words, 0, piece.length, List.of());
              },
              piece.length);
          return true;
        });
  }

  private interface PieceUse {
    /// @param before bytes of the document before this piece
    /// @return whether to go on
    boolean take(byte[] piece, long before) throws IOException;
  }

  /// Reads pieces of a large document until `wanted` bytes are there or `use` has seen enough.
  private static void read(Entry.Streamed large, long wanted, PieceUse use) throws IOException {
    try (InputStream in = large.opener().open()) {
      LargeDocument.Pieces pieces =
          new LargeDocument.Pieces(in, TextCuts.ANYWHERE, DocumentEncoder.NONE);
      for (long at = 0; at < wanted; ) {
        TextPieces.Piece piece = pieces.next();
        if (piece == null) {
          LargeDocument.requireSize(large, at);
          return;
        }
        if (!use.take(piece.text(), at)) {
          return;
        }
        at += piece.text().length;
      }
    }
  }

  private void report(double fraction) {
    double share = Math.max(fraction / config.sources().size(), bytes / (double) maxBytes);
    listener.progress(
        new TokenizationProgress(
            Math.min(1, share),
            documents,
            bytes,
            0,
            bytes,
            0,
            (System.nanoTime() - start) / 1e9,
            0,
            false));
  }
}
