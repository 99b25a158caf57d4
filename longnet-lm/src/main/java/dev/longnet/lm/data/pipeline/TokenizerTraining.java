package dev.longnet.lm.data.pipeline;

import dev.longnet.lm.config.CorpusConfig;
import dev.longnet.lm.config.CorpusSource;
import dev.longnet.lm.data.source.Admission;
import dev.longnet.lm.data.source.DocumentReader;
import dev.longnet.lm.data.source.Entry;
import dev.longnet.lm.data.source.SourceState;
import dev.longnet.lm.data.source.Sources;
import dev.longnet.lm.data.tokenizer.TokenizerFile;
import dev.longnet.lm.data.tokenizer.WordCounts;
import dev.longnet.lm.io.AtomicFiles;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// Trains a byte-level BPE on a corpus: counts its words with several threads, then learns merges with one.
public final class TokenizerTraining {
  private static final long BATCH_BYTES = 1 << 20;
  private static final long IN_FLIGHT_BYTES = 24L << 20;

  private final CorpusConfig config;
  private final long maxBytes;
  private final TokenizationListener listener;
  private final Workers<WordCounts> workers;
  private final WordCounts total = new WordCounts();
  private final long start = System.nanoTime();
  private long bytes;
  private long documents;

  private TokenizerTraining(CorpusConfig config, long maxBytes, int threads, TokenizationListener listener) {
    this.config = config;
    this.maxBytes = maxBytes;
    this.listener = listener;
    this.workers = new Workers<>(threads, IN_FLIGHT_BYTES);
  }

  /// @param config its tokenizer and validation share do not matter
  /// @param vocabularySize the end-of-text token included
  /// @param maxBytes of text to count words in, from the corpus' beginning
  /// @return the content of a `tokenizer.json`
  public static String train(
      CorpusConfig config, int vocabularySize, long maxBytes, int threads, TokenizationListener listener)
      throws IOException {
    if (vocabularySize < TokenizerFile.SMALLEST_VOCABULARY) {
      throw new IllegalArgumentException(
          "vocab_size must be at least " + TokenizerFile.SMALLEST_VOCABULARY + ": vocab_size=" + vocabularySize);
    }
    if (maxBytes < 1 || threads < 1) {
      throw new IllegalArgumentException("sample_bytes and threads must be positive: " + maxBytes + ", " + threads);
    }
    TokenizerTraining training = new TokenizerTraining(config, maxBytes, threads, listener);
    Path scratch = Files.createTempDirectory("longnet-tokenizer-");
    try {
      training.countWords(scratch);
    } finally {
      training.workers.close();
      AtomicFiles.deleteRecursively(scratch);
    }
    listener.message(
        String.format(
            "%,d different words in %,d documents (%.1f MB): learning merges",
            training.total.distinct(), training.documents, training.bytes / 1e6));
    return TokenizerFile.train(training.total, vocabularySize);
  }

  private void countWords(Path scratch) throws IOException {
    Admission admission = new Admission(config.filter(), config.input());
    for (CorpusSource source : config.sources()) {
      SourceState state = Sources.state(source);
      try (DocumentReader reader = Sources.open(source, state, admission, scratch)) {
        List<Entry.Text> batch = new ArrayList<>();
        long batchBytes = 0;
        for (Entry entry = reader.next(); entry != null && bytes < maxBytes; entry = reader.next()) {
          switch (entry) {
            case Entry.Rejected rejected -> admission.skipOrRefuse(source.path(), rejected);
            case Entry.Text text -> {
              batch.add(text);
              batchBytes += text.size();
            }
            case Entry.Streamed large -> countLarge(large);
          }
          if (batchBytes >= BATCH_BYTES) {
            submit(batch, batchBytes, admission);
            batch = new ArrayList<>();
            batchBytes = 0;
          }
          report(reader.progress());
        }
        submit(batch, batchBytes, admission);
        while (!workers.isEmpty()) {
          total.add(workers.take());
        }
      }
    }
  }

  private void submit(List<Entry.Text> batch, long size, Admission admission) {
    while (workers.isFull()) {
      total.add(workers.take());
    }
    bytes += size;
    documents += batch.size();
    workers.submit(
        () -> {
          WordCounts counts = new WordCounts();
          for (Entry.Text text : batch) {
            try {
              byte[] content = text.loader().load().text();
              if (Encoder.Content.judge(content, admission.policy()).isEmpty()) {
                counts.add(content);
              }
            } catch (IOException e) {
              // Tokenization counts and names it; here one document less changes nothing.
            }
          }
          return counts;
        },
        size);
  }

  private void countLarge(Entry.Streamed large) throws IOException {
    documents++;
    try (InputStream in = large.opener().open()) {
      for (byte[] piece = in.readNBytes((int) BATCH_BYTES);
          piece.length > 0 && bytes < maxBytes;
          piece = in.readNBytes((int) BATCH_BYTES)) {
        while (workers.isFull()) {
          total.add(workers.take());
        }
        byte[] text = piece;
        bytes += text.length;
        workers.submit(
            () -> {
              WordCounts counts = new WordCounts();
              counts.add(text);
              return counts;
            },
            text.length);
      }
    } catch (IOException e) {
      // As above: what was read of it is counted.
    }
  }

  private void report(double fraction) {
    double share = Math.max(fraction, bytes / (double) maxBytes);
    listener.progress(
        new TokenizationProgress(
            Math.min(1, share), documents, bytes, 0, bytes, 0, (System.nanoTime() - start) / 1e9, 0, false));
  }
}
