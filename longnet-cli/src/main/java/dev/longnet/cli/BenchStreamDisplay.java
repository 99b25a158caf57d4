// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamRun;
import dev.longnet.experiments.stream.StreamBenchmark;
import dev.longnet.experiments.stream.StreamBenchmark.Mark;
import java.io.PrintWriter;
import java.util.Locale;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/// `longnet bench stream` as it runs: marks on standard output, progress between them on standard
/// error: on a terminal one line that rewrites itself, else a line a minute. Ctrl-C stops and saves
/// while this is open.
final class BenchStreamDisplay implements StreamBenchmark.Watcher, AutoCloseable {
  private static final double TERMINAL_SECONDS = 0.5;
  private static final double PLAIN_SECONDS = 60;

  private final PrintWriter out;
  private final PrintWriter err;
  private final long tokens;
  private final boolean terminal = System.console() != null && System.console().isTerminal();
  private @Nullable StopOnInterrupt interrupt;
  private long shown = System.nanoTime();
  private int width;

  BenchStreamDisplay(CommandLine line, long tokens) {
    this.out = line.getOut();
    this.err = line.getErr();
    this.tokens = tokens;
  }

  @Override
  public void started(StreamRun run, long position) {
    interrupt = StopOnInterrupt.install(run::requestStop);
    if (position > 0) {
      err.printf(Locale.ROOT, "going on after %,d tokens%n", position);
      err.flush();
    }
  }

  @Override
  public void progress(StreamReport r) {
    if ((System.nanoTime() - shown) / 1e9 < (terminal ? TERMINAL_SECONDS : PLAIN_SECONDS)) {
      return;
    }
    shown = System.nanoTime();
    String line =
        String.format(
            Locale.ROOT,
            "%,d of %,d tokens (%.1f %%), %,.0f tokens/s, %s left",
            r.tokens(),
            tokens,
            100.0 * r.tokens() / tokens,
            r.tokensPerSecond(),
            ProgressLine.duration((tokens - r.tokens()) / r.tokensPerSecond()));
    if (terminal) {
      err.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
      width = line.length();
    } else {
      err.println(line);
    }
    err.flush();
  }

  @Override
  public void mark(Mark m) {
    clear();
    out.printf(
        Locale.ROOT,
        "%,15d %10.1f %,12.0f %11.4f %10s %14s%n",
        m.tokens(),
        m.seconds(),
        m.tokensPerSecond(),
        m.perplexity(),
        StreamDisplay.size(m.stateBytes()),
        StreamDisplay.size(m.peakResidentBytes()));
    StandardOutput.flush(out);
  }

  private void clear() {
    if (width > 0) {
      err.print("\r" + " ".repeat(width) + "\r");
      err.flush();
      width = 0;
    }
  }

  @Override
  public void close() {
    clear();
    if (interrupt != null) {
      interrupt.close();
    }
  }
}
