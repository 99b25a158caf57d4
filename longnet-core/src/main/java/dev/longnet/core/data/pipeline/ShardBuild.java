// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.ShardInfo;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.source.Admission;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Entry;
import dev.longnet.core.data.source.Reason;
import dev.longnet.core.data.source.Sources;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/// One build of token shards: reads sources in order, lets workers encode, writes results in order,
/// and commits a shard each [Pace#shardBytes()] of text, after which a killed build goes on from
/// there.
final class ShardBuild implements AutoCloseable {
  /// Documents that travel together: many enough to make hand-overs cheap.
  private static final long BATCH_BYTES = 256 << 10;

  private static final int BATCH_DOCUMENTS = 256;
  private static final long IN_FLIGHT_BYTES = 24L << 20;

  private final CorpusSnapshot corpus;
  private final CorpusConfig config;
  private final Tokenizer tokenizer;
  private final TokenizationListener listener;
  private final Meter meter;
  private final Path directory;
  private final Pace pace;
  private final Admission admission;
  private final SeenHashes seen = new SeenHashes();
  private final Optional<NearDuplicates> near;
  private final SplitRule rule;
  private final SeenGroups groups;
  private final DocumentEncoder encoder;
  private final Workers<List<DocumentEncoder.Result>> workers;

  private final List<SourceSummary> summaries = new ArrayList<>();
  private final List<ShardInfo> shards = new ArrayList<>();

  // The source under way: set when it begins.
  private int source;

  @SuppressWarnings("NullAway.Init")
  private Tally tally;

  @SuppressWarnings("NullAway.Init")
  private DocumentReader reader;

  private long entriesDone;

  @SuppressWarnings("NullAway.Init")
  private ShardWriter train;

  @SuppressWarnings("NullAway.Init")
  private ShardWriter validation;

  private long uncommittedBytes;

  ShardBuild(
      CorpusSnapshot corpus, Path directory, int threads, Pace pace, TokenizationListener listener)
      throws IOException {
    this.corpus = corpus;
    this.config = corpus.config();
    this.tokenizer = corpus.tokenizer();
    this.listener = listener;
    this.meter = new Meter(corpus.states(), pace.reportNanos(), listener);
    this.directory = directory;
    this.pace = pace;
    this.admission = new Admission(config.filter(), config.input());
    this.near =
        config.duplicates().kind() == Duplicates.Kind.NEAR
            ? Optional.of(new NearDuplicates(directory, config.duplicates().similarity()))
            : Optional.empty();
    this.rule = corpus.rule();
    this.groups = new SeenGroups(directory);
    this.encoder = new DocumentEncoder(tokenizer, admission, config.duplicates(), rule, seen);
    this.workers = new Workers<>(threads, IN_FLIGHT_BYTES);
  }

  Manifest run() throws IOException {
    EarlierBuild earlier = new EarlierBuild(directory, listener);
    earlier.deleteSpools();
    Optional<Journal> journal = earlier.journal(corpus.key(), tokenizer, corpus.states());
    long skip = 0;
    Optional<Journal.OpenDocument> open = Optional.empty();
    Optional<Tally> begun = Optional.empty();
    if (journal.isPresent()) {
      Journal j = journal.get();
      shards.addAll(j.shards());
      if (config.duplicates().kind() != Duplicates.Kind.NONE) {
        earlier.rememberHashes(shards, seen);
      }
      if (near.isPresent()) {
        near.get().remember(j.signatures());
      }
      groups.remember(
          j.sources().stream().mapToLong(s -> s.trainGroups() + s.validationGroups()).sum());
      summaries.addAll(j.sources());
      if (!j.sourceDone() && !summaries.isEmpty()) {
        begun = Optional.of(Tally.of(summaries.removeLast()));
        skip = j.entries();
        open = j.open();
      }
      long documents = j.sources().stream().mapToLong(SourceSummary::documents).sum();
      listener.message(
          "going on with the token shards of an interrupted run: "
              + documents
              + " documents are done");
    } else {
      earlier.delete();
    }
    for (source = summaries.size(); source < config.sources().size(); source++) {
      readSource(begun, skip, open);
      begun = Optional.empty();
      skip = 0;
      open = Optional.empty();
    }
    meter.end(summaries);
    Tally.refuseEmpty(summaries);
    return new Manifest(
        Manifest.VERSION,
        tokenizer.name(),
        tokenizer.fingerprint(),
        tokenizer.vocabularySize(),
        tokenizer.endOfText(),
        DocumentEncoder.bits(tokenizer),
        corpus.key(),
        config.validation(),
        summaries,
        shards);
  }

  private void readSource(Optional<Tally> begun, long skip, Optional<Journal.OpenDocument> open)
      throws IOException {
    CorpusSource from = config.sources().get(source);
    tally = begun.orElseGet(() -> new Tally(from.path(), corpus.states().get(source).hash()));
    train = writer(Split.TRAIN);
    validation = writer(Split.VALIDATION);
    entriesDone = 0;
    try (ShardWriter t = train;
        ShardWriter v = validation) {
      try (DocumentReader r =
          Sources.open(from, corpus.states().get(source), admission, directory)) {
        reader = r;
        meter.startSource(source, r);
        passOver(skip);
        meter.passedOver();
        readEntries(open);
        tally.readAs(r.readAs());
      }
      summaries.add(tally.summary());
      commit(true, Optional.empty());
    }
  }

  private void passOver(long entries) throws IOException {
    while (entriesDone < entries) {
      Entry entry = reader.next();
      if (entry == null) {
        return;
      }
      if (entry instanceof Entry.Text text) {
        text.loader().discard();
      }
      entriesDone++;
      meter.report(summaries, tally);
    }
  }

  private ShardWriter writer(Split split) {
    int s = source;
    return new ShardWriter(
        directory,
        s,
        split,
        shards.stream().filter(i -> i.source() == s && i.split() == split).toList());
  }

  private void readEntries(Optional<Journal.OpenDocument> open) throws IOException {
    String label = Sources.label(config.sources().get(source));
    var place = new SplitRule.Place(label, reader.container());
    List<Entry> batch = new ArrayList<>();
    long batchBytes = 0;
    while (true) {
      double before = reader.progress();
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
      if (entry instanceof Entry.Streamed large) {
        submit(batch, batchBytes, place);
        batch = new ArrayList<>();
        batchBytes = 0;
        drain();
        meter.startLarge(before);
        new LargeDocument(this, large, place).write(open);
        meter.endLarge();
        open = Optional.empty();
        entryDone();
        continue;
      }
      batch.add(entry);
      batchBytes += entry instanceof Entry.Text text ? text.size() : 64;
      if (batchBytes >= BATCH_BYTES || batch.size() >= BATCH_DOCUMENTS) {
        submit(batch, batchBytes, place);
        batch = new ArrayList<>();
        batchBytes = 0;
      }
    }
    submit(batch, batchBytes, place);
    drain();
  }

  private void submit(List<Entry> batch, long bytes, SplitRule.Place place) throws IOException {
    if (batch.isEmpty()) {
      return;
    }
    while (workers.isFull()) {
      writeOldest();
    }
    workers.submit(
        () -> {
          List<DocumentEncoder.Result> results = new ArrayList<>(batch.size());
          for (Entry entry : batch) {
            results.add(
                switch (entry) {
                  case Entry.Text text -> encoder.encode(text, place);
                  case Entry.Rejected rejected -> new DocumentEncoder.Result.Refused(rejected);
                  case Entry.Streamed large -> throw new AssertionError(large.name());
                });
          }
          return results;
        },
        bytes);
  }

  private void drain() throws IOException {
    while (!workers.isEmpty()) {
      writeOldest();
    }
  }

  private void writeOldest() throws IOException {
    for (DocumentEncoder.Result result : workers.take()) {
      switch (result) {
        case DocumentEncoder.Result.Refused refused -> reject(refused.entry());
        case DocumentEncoder.Result.Document document -> write(document);
      }
      entryDone();
    }
  }

  private void write(DocumentEncoder.Result.Document d) throws IOException {
    if (isDuplicate(d.name(), d.hash()) || isNearDuplicate(d)) {
      return;
    }
    // Not before: a run taken up again knows the hashes of what was written, and must count copies
    // alike.
    remember(d.hash());
    ShardWriter writer = shardWriter(d.split());
    writer.append(d.ids(), d.tokens(), d.text());
    writer.end(d.name(), d.bytes(), d.hash());
    wrote(d.bytes(), d.tokens());
    documentDone(d.group(), d.split(), d.changed());
  }

  ShardWriter shardWriter(Split split) {
    return split == Split.TRAIN ? train : validation;
  }

  boolean isDuplicate(String name, ContentHash hash) {
    if (config.duplicates().kind() == Duplicates.Kind.NONE || !seen.contains(hash)) {
      return false;
    }
    reject(new Entry.Rejected(name, Reason.DUPLICATE, ""));
    return true;
  }

  /// Documents of the same hash are duplicates from now on.
  void remember(ContentHash hash) {
    if (config.duplicates().kind() != Duplicates.Kind.NONE) {
      seen.add(hash);
    }
  }

  private boolean isNearDuplicate(DocumentEncoder.Result.Document d) throws IOException {
    if (near.isEmpty() || near.get().add(d.signature().orElseThrow())) {
      return false;
    }
    reject(new Entry.Rejected(d.name(), Reason.NEAR_DUPLICATE, ""));
    return true;
  }

  void reject(Entry.Rejected entry) {
    admission.skipOrRefuse(tally.path(), entry);
    tally.reject(entry);
  }

  /// Counts text that became tokens.
  void wrote(long bytes, long tokens) {
    tally.bytes += bytes;
    tally.tokens += tokens;
    meter.wrote(bytes);
    uncommittedBytes += bytes;
  }

  /// @param changed whether its ids do not give its text back
  void documentDone(Optional<ContentHash> group, Split split, boolean changed) throws IOException {
    if (group.isPresent() && groups.add(group.get(), split)) {
      tally.groups.merge(split, 1L, Long::sum);
    }
    tally.documents++;
    tally.changed += changed ? 1 : 0;
  }

  private void entryDone() throws IOException {
    entriesDone++;
    if (uncommittedBytes >= pace.shardBytes()) {
      commit(false, Optional.empty());
    }
    meter.report(summaries, tally);
  }

  /// An earlier run is done with a large document's beginning: no part of this one's speed either.
  ///
  /// @param fraction of the document
  void passedOver(double fraction) {
    meter.large(fraction);
    meter.passedOver();
  }

  /// Commits in the middle of a large document where a shard is full.
  ///
  /// @param fraction of the document
  void pieceDone(Journal.OpenDocument open, double fraction) throws IOException {
    meter.large(fraction);
    if (uncommittedBytes >= pace.shardBytes()) {
      commit(false, Optional.of(open));
    }
    meter.report(summaries, tally);
  }

  private void commit(boolean sourceDone, Optional<Journal.OpenDocument> open) throws IOException {
    train.commit().ifPresent(shards::add);
    validation.commit().ifPresent(shards::add);
    uncommittedBytes = 0;
    List<SourceSummary> all = new ArrayList<>(summaries);
    if (!sourceDone) {
      all.add(tally.summary());
    }
    new Journal(
            corpus.key(),
            tokenizer.fingerprint(),
            all,
            entriesDone,
            sourceDone,
            open,
            near.map(NearDuplicates::size).orElse(0L),
            shards)
        .write(directory);
  }

  SplitRule rule() {
    return rule;
  }

  Admission admission() {
    return admission;
  }

  DocumentEncoder encoder() {
    return encoder;
  }

  Workers<List<DocumentEncoder.Result>> workers() {
    return workers;
  }

  @Override
  public void close() throws IOException {
    try (NearDuplicates _ = near.orElse(null);
        groups;
        seen) {
      workers.close();
    }
  }
}
