// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.SourceState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// How far a build is, and how fast: told to the listener every [Pace#reportNanos()].
final class Meter {
  private final List<SourceState> states;
  private final long reportNanos;
  private final TokenizationListener listener;
  private final long start = System.nanoTime();
  private long lastReport = start;
  private long bytesThisRun;
  private double fractionAtStart;
  private double secondsAtStart;

  // The source under way, and whether what is read of it now is an earlier run's work.
  private int source;

  @SuppressWarnings("NullAway.Init") // set by startSource
  private DocumentReader reader;

  private boolean passingOver;

  // Of the large document under way: where the source stood before it, how much of it is done.
  private double beforeLarge;
  private double largeFraction = 1;

  Meter(List<SourceState> states, long reportNanos, TokenizationListener listener) {
    this.states = states;
    this.reportNanos = reportNanos;
    this.listener = listener;
  }

  void startSource(int source, DocumentReader reader) {
    this.source = source;
    this.reader = reader;
    this.passingOver = true;
  }

  /// Until text is written, what a source passes over is an earlier run's work: no part of this
  /// one's speed.
  void passedOver() {
    passingOver = false;
    if (bytesThisRun == 0) {
      fractionAtStart = fraction();
      secondsAtStart = seconds();
    }
  }

  /// @param before where the source stood
  void startLarge(double before) {
    beforeLarge = before;
    largeFraction = 0;
  }

  void large(double fraction) {
    largeFraction = fraction;
  }

  void endLarge() {
    beforeLarge = 0;
    largeFraction = 1;
  }

  /// Counts text that became tokens.
  void wrote(long bytes) {
    bytesThisRun += bytes;
  }

  /// @param summaries of the sources done
  /// @param tally of the source under way; null for none
  void report(List<SourceSummary> summaries, @Nullable Tally tally) {
    long now = System.nanoTime();
    if (now - lastReport < reportNanos) {
      return;
    }
    lastReport = now;
    tell(summaries, tally, fraction());
  }

  /// The last report.
  void end(List<SourceSummary> summaries) {
    tell(summaries, null, 1);
  }

  private void tell(List<SourceSummary> summaries, @Nullable Tally tally, double fraction) {
    long documents = tally == null ? 0 : tally.documents;
    long bytes = tally == null ? 0 : tally.bytes;
    long tokens = tally == null ? 0 : tally.tokens;
    for (SourceSummary s : summaries) {
      documents += s.documents();
      bytes += s.bytes();
      tokens += s.tokens();
    }
    listener.progress(
        new TokenizationProgress(
            fraction,
            documents,
            bytes,
            tokens,
            bytesThisRun,
            fractionAtStart,
            seconds(),
            secondsAtStart,
            passingOver));
  }

  private double seconds() {
    return (System.nanoTime() - start) / 1e9;
  }

  private double fraction() {
    long total = 0;
    double done = 0;
    for (int i = 0; i < states.size(); i++) {
      long bytes = Math.max(1, states.get(i).bytes());
      total += bytes;
      done += i < source ? bytes : i == source ? bytes * sourceFraction() : 0;
    }
    return done / total;
  }

  private double sourceFraction() {
    return beforeLarge + (reader.progress() - beforeLarge) * largeFraction;
  }
}
