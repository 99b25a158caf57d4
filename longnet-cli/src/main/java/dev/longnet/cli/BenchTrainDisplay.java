// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.experiments.train.ProfileExperiment;
import dev.longnet.experiments.train.TrainingBenchmark.Result;
import dev.longnet.lm.model.StepProfile.Report;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.OptionalDouble;

/// The tables of `longnet bench train` on a terminal.
final class BenchTrainDisplay {
  private BenchTrainDisplay() {}

  static void heading(PrintWriter out) {
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %8s %10s %9s %9s %9s %9s %7s %11s %9s %9s %6s%n",
        "recipe",
        "type",
        "N",
        "parameters",
        "step",
        "tokens/s",
        "GFLOP/s",
        "products",
        "share",
        "peak memory",
        "PyTorch",
        "compiled",
        "times");
  }

  static void row(PrintWriter out, Result r) {
    out.printf(
        Locale.ROOT,
        "%-12s %-5s %,8d %,9.2fM %7.3f s %,9.0f %9.1f %9.1f %6.1f%% %11s %9s %9s %6s%n",
        r.name(),
        r.precision().name().toLowerCase(Locale.ROOT),
        r.window(),
        r.parameters() / 1e6,
        r.seconds(),
        r.tokensPerSecond(),
        r.flops() / r.seconds() / 1e9,
        r.rate() / 1e9,
        100 * r.share(),
        r.peakBytes().isPresent() ? gibibytes(r.peakBytes().getAsLong()) : "unknown",
        speed(r, r.pytorch().eager()),
        speed(r, r.pytorch().compiled()),
        r.timesPyTorch().isPresent()
            ? String.format(Locale.ROOT, "%.2f", r.timesPyTorch().getAsDouble())
            : "-");
    out.flush();
  }

  private static String speed(Result result, OptionalDouble seconds) {
    return seconds.isPresent()
        ? String.format(Locale.ROOT, "%,.0f", result.window() / seconds.getAsDouble())
        : "-";
  }

  /// A piece of a part stands further right.
  static void profile(PrintWriter out, ProfileExperiment.Result result) {
    Report report = result.report();
    out.printf(
        Locale.ROOT,
        "%s %s: a step of %.2f ms, the mean of %d, on %d threads%n",
        result.name(),
        result.precision().name().toLowerCase(Locale.ROOT),
        result.stepMilliseconds(),
        report.steps(),
        report.threads());
    out.printf(Locale.ROOT, "  %-32s %10s %12s %8s%n", "part", "ms", "memory", "share");
    for (ProfileExperiment.Result.Line line : result.lines()) {
      out.printf(
          Locale.ROOT,
          "  %-32s %10.2f %12s %7.1f%%%n",
          line.within() ? "  " + line.what() : line.what(),
          report.milliseconds(line.nanos()),
          line.bytes().isPresent()
              ? String.format(Locale.ROOT, "%.1f MB", line.bytes().getAsLong() / 1e6)
              : "",
          100 * report.share(line.nanos()));
    }
    out.flush();
  }

  private static String gibibytes(long bytes) {
    return String.format(Locale.ROOT, "%.2f GiB", bytes / (double) (1L << 30));
  }
}
