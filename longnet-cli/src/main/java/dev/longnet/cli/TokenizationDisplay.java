// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.pipeline.TokenizationProgress;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// Tokenization as a person sees it: one line that rewrites itself on a terminal, now and then a
/// plain line elsewhere.
final class TokenizationDisplay implements TokenizationListener {
  private static final double PLAIN_SECONDS = 10;

  private final PrintWriter err;
  private final boolean terminal;
  private double nextPlain = PLAIN_SECONDS;
  private int shown;
  private @Nullable TokenizationProgress last;

  TokenizationDisplay(PrintWriter err, boolean terminal) {
    this.err = err;
    this.terminal = terminal;
  }

  @Override
  public void message(String line) {
    clear();
    err.println(line);
    err.flush();
  }

  @Override
  public void progress(TokenizationProgress p) {
    last = p;
    if (terminal) {
      String line = line(p);
      err.print("\r" + line + " ".repeat(Math.max(0, shown - line.length())));
      err.flush();
      shown = line.length();
    } else if (p.seconds() >= nextPlain) {
      err.println(line(p));
      err.flush();
      nextPlain = p.seconds() + PLAIN_SECONDS;
    }
  }

  /// Ends the line that rewrites itself; says how the build went, if there was one.
  void done() {
    clear();
    if (last != null) {
      err.printf(
          Locale.ROOT,
          "tokenized %.1f MB in %.1f s: %.1f MB/s%n",
          last.bytesThisRun() / 1e6,
          last.seconds(),
          last.megabytesPerSecond());
      err.flush();
    }
  }

  private void clear() {
    if (shown > 0) {
      err.print("\r" + " ".repeat(shown) + "\r");
      err.flush();
      shown = 0;
    }
  }

  static String line(TokenizationProgress p) {
    if (p.passingOver()) {
      return String.format(
          Locale.ROOT, "passing over what is tokenized already  %5.1f %%", 100 * p.fraction());
    }
    return String.format(
        Locale.ROOT,
        "tokenizing %5.1f %%  %,d documents  %,.1f MB  %,d tokens  %.1f MB/s  ETA %s",
        100 * p.fraction(),
        p.documents(),
        p.bytes() / 1e6,
        p.tokens(),
        p.megabytesPerSecond(),
        duration(p.secondsLeft()));
  }

  private static String duration(double seconds) {
    if (!(seconds < 1e8)) {
      return "?";
    }
    long s = Math.round(seconds);
    return s < 3600
        ? String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60);
  }
}
