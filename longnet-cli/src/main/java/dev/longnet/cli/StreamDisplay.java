// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.evaluate.Evaluation;
import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamState;
import dev.longnet.core.stream.StreamingModel;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// `longnet stream` as a table, a line a report.
final class StreamDisplay {
  private final PrintWriter out;
  private final long bytes;
  private final boolean repeats;
  private final @Nullable Long tokens;

  /// @param bytes of the input
  /// @param repeats whether it has no end
  /// @param tokens to stop at, or null
  StreamDisplay(PrintWriter out, long bytes, boolean repeats, @Nullable Long tokens) {
    this.out = out;
    this.bytes = bytes;
    this.repeats = repeats;
    this.tokens = tokens;
  }

  /// @param where the input goes on after what the state has read
  void start(StreamingModel model, StreamState state, String where) {
    out.printf(Locale.ROOT, "%s; weights %s%n", model.describe(), size(model.weightBytes()));
    if (state.position() > 0) {
      out.printf(Locale.ROOT, "going on after %,d tokens, %s%n", state.position(), where);
    }
    out.printf(
        Locale.ROOT,
        "%15s %11s %11s %10s %10s %10s %9s%n",
        "tokens",
        "perplexity",
        "so far",
        "tokens/s",
        "state",
        "resident",
        "ETA");
    out.flush();
  }

  void show(StreamReport r) {
    double eta = (bytes - r.bytes()) * r.seconds() / r.bytes();
    if (tokens != null) {
      double rest = (tokens - r.tokens()) / r.tokensPerSecond();
      eta = repeats ? rest : Math.min(eta, rest);
    }
    out.printf(
        Locale.ROOT,
        "%,15d %11s %11s %10s %10s %10s %9s%n",
        r.tokens(),
        number(r.recentPerplexity()),
        number(r.perplexity()),
        Forecast.si(r.tokensPerSecond()).strip(),
        size(r.stateBytes()),
        r.residentBytes() == 0 ? "?" : size(r.residentBytes()),
        ProgressLine.duration(Math.max(0, eta)));
    StandardOutput.flush(out);
  }

  void end(StreamReport r) {
    out.printf(
        Locale.ROOT,
        "%,d tokens, %,d bytes in %s: perplexity %s, %s bits per byte; peak resident memory %s%n",
        r.tokens(),
        r.bytes(),
        ProgressLine.duration(r.seconds()),
        number(r.perplexity()),
        number(r.bitsPerByte()),
        r.peakResidentBytes() == 0 ? "unknown here" : size(r.peakResidentBytes()));
    Evaluation.lost(r.textlessShare()).ifPresent(out::println);
    out.flush();
  }

  /// A stream's first token has no loss: nothing to show yet.
  private static String number(double value) {
    return Double.isFinite(value) ? String.format(Locale.ROOT, "%.4f", value) : "-";
  }

  static String size(long bytes) {
    return bytes < 1L << 20
        ? String.format(Locale.ROOT, "%.1f KiB", bytes / 1024.0)
        : bytes < 1L << 30
            ? String.format(Locale.ROOT, "%.1f MiB", bytes / 1048576.0)
            : String.format(Locale.ROOT, "%.2f GiB", bytes / 1073741824.0);
  }
}
