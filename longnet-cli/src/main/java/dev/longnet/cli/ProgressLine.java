// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.Forecast;
import dev.longnet.lm.train.StepMetrics;
import java.io.PrintWriter;
import java.time.Duration;
import java.util.Locale;
import java.util.function.LongToDoubleFunction;

/// Shows a run to a person: one line that rewrites itself on a terminal, else a plain line every
/// few seconds.
final class ProgressLine {
  private static final int BAR = 20;
  private static final Duration PLAIN_INTERVAL = Duration.ofSeconds(10);
  private static final Duration TERMINAL_INTERVAL = Duration.ofMillis(200);

  /// Weight of the newest step in the smoothed loss and speed.
  private static final double SMOOTHING = 0.1;

  private final PrintWriter out;
  private final boolean terminal;
  private final long steps;
  private final boolean phased;
  private final LongToDoubleFunction left;
  private int window;
  private long lastShown;
  private double loss = Double.NaN;
  private double tokensPerSecond = Double.NaN;
  private double secondsPerStep = Double.NaN;
  private double share = Double.NaN;
  private int width;

  /// @param terminal whether `out` is one
  /// @param steps of the whole run
  /// @param phased whether windows grow: the line says their length
  /// @param left how many steps as the last one the run takes yet, by the number of steps done
  ProgressLine(
      PrintWriter out, boolean terminal, long steps, boolean phased, LongToDoubleFunction left) {
    this.phased = phased;
    this.left = left;
    this.out = out;
    this.terminal = terminal;
    this.steps = steps;
    this.lastShown = System.nanoTime() - PLAIN_INTERVAL.toNanos();
  }

  synchronized void step(StepMetrics m) {
    if (!m.skipped()) {
      loss = smooth(loss, m.loss());
    }
    if (m.window() != window) {
      window = m.window();
      tokensPerSecond = Double.NaN;
      secondsPerStep = Double.NaN;
      share = Double.NaN;
    }
    tokensPerSecond = smooth(tokensPerSecond, m.tokensPerSecond());
    secondsPerStep = smooth(secondsPerStep, m.seconds());
    share = smooth(share, m.matrixShare());
    long now = System.nanoTime();
    Duration interval = terminal ? TERMINAL_INTERVAL : PLAIN_INTERVAL;
    if (now - lastShown < interval.toNanos() && m.step() < steps) {
      return;
    }
    lastShown = now;
    String line = line(m);
    if (terminal) {
      show(line);
    } else {
      out.println(line);
    }
    out.flush();
  }

  /// Shows how far a step of several passes is; on a terminal only.
  synchronized void pass(long step, int passes, int of) {
    long now = System.nanoTime();
    if (!terminal || of == 1 || passes == of || now - lastShown < TERMINAL_INTERVAL.toNanos()) {
      return;
    }
    lastShown = now;
    show(
        String.format(
            Locale.ROOT,
            "%s step %d/%d  pass %d of %d",
            bar((step - 1 + (double) passes / of) / steps),
            step,
            steps,
            passes,
            of));
  }

  /// Prints a line of its own, above the bar.
  synchronized void note(String text) {
    endLine();
    out.println(text);
    out.flush();
  }

  /// Leaves the bar where it stands, for output that follows.
  synchronized void endLine() {
    if (terminal && width > 0) {
      out.println();
      width = 0;
    }
  }

  private void show(String line) {
    out.print("\r" + line + " ".repeat(Math.max(0, width - line.length())));
    out.flush();
    width = line.length();
  }

  String line(StepMetrics m) {
    double eta = left.applyAsDouble(m.step()) * secondsPerStep;
    String text =
        String.format(
            Locale.ROOT,
            "step %d/%d  %sloss %.3f  %stok/s  %sETA %s",
            m.step(),
            steps,
            phased ? "window " + m.window() + "  " : "",
            loss,
            Forecast.si(tokensPerSecond),
            Double.isNaN(share) // rank 0 alone measured the machine
                ? ""
                : String.format(Locale.ROOT, "%.0f%% of matmul rate  ", 100 * share),
            duration(eta));
    if (m.skippedSteps() > 0) {
      text += "  skipped " + m.skippedSteps();
    }
    return terminal ? bar((double) m.step() / steps) + " " + text : text;
  }

  /// 0:07, 4:30, 1:05:09, 3.5 days, 12 years
  static String duration(double seconds) {
    if (!Double.isFinite(seconds)) {
      return "?";
    }
    long s = Math.round(seconds);
    double days = seconds / 86_400;
    if (days >= 2) {
      return days >= 730
          ? String.format(Locale.ROOT, "%.0f years", days / 365)
          : String.format(Locale.ROOT, "%.1f days", days);
    }
    return s >= 3600
        ? String.format(Locale.ROOT, "%d:%02d:%02d", s / 3600, s / 60 % 60, s % 60)
        : String.format(Locale.ROOT, "%d:%02d", s / 60, s % 60);
  }

  private static String bar(double done) {
    int full = (int) Math.round(done * BAR);
    return "[" + "#".repeat(full) + ".".repeat(BAR - full) + "]";
  }

  private static double smooth(double old, double value) {
    return Double.isNaN(old) ? value : old + SMOOTHING * (value - old);
  }
}
