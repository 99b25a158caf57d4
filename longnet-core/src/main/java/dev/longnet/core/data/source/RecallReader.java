// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import dev.longnet.core.config.RecallCorpus;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// The documents of a corpus that is made up, each a function of its number.
final class RecallReader implements DocumentReader {
  /// A window of the reach lies within a document, nearly always.
  private static final int REACHES = 16;

  private static final int SHORTEST = 1 << 16;

  private final RecallCorpus corpus;
  private final Admission admission;
  private final int bytes;
  private final long documents;
  private long given;

  RecallReader(RecallCorpus corpus, Admission admission) {
    this.corpus = corpus;
    this.admission = admission;
    this.bytes = Math.max(SHORTEST, REACHES * corpus.reach());
    this.documents = Math.ceilDiv(corpus.bytes(), (long) bytes);
  }

  @Override
  public @Nullable Entry next() {
    if (given == documents) {
      return null;
    }
    long number = given++;
    String name = String.format(Locale.ROOT, "%06d.txt", number);
    if (admission.leavesOut(name)) {
      return new Entry.Rejected(name, Reason.FILTERED, "");
    }
    return admission
        .rejectBySize(name, bytes)
        .<Entry>map(rejected -> rejected)
        .orElseGet(() ->
            new Entry.Text(
                name,
                bytes,
                () ->
                    new Entry.Loaded(
                        name, RecallText.document(seed(number), bytes, corpus.reach()))));
  }

  private long seed(long number) {
    return corpus.seed() * 0x9E3779B97F4A7C15L ^ number;
  }

  @Override
  public double progress() {
    return given / (double) documents;
  }

  @Override
  public void close() {}
}
