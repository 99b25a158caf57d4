// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.ToDoubleFunction;
import java.util.stream.Collectors;

/// What a benchmark found: as a table for people and as one for files.
///
/// @param matrixGigaflops the machine's matrix-product rate, float32 or on a GPU bfloat16, in the
///   same run, 10^9 operations a second
/// @param goals what the run says about this project's own
public record BenchReport(
    BenchSettings settings,
    double matrixGigaflops,
    int threads,
    List<BenchResult> results,
    List<Goal> goals) {
  /// Adds the goals of [AttentionBenchmark].
  static BenchReport of(
      BenchSettings settings, double matrixGigaflops, int threads, List<BenchResult> results) {
    BenchReport report =
        new BenchReport(settings, matrixGigaflops, threads, results, new ArrayList<>());
    settings.lengths().stream().filter(settings::isGoalShape).distinct().forEach(report::goals);
    Double exponent = report.exponents().get(AttentionBenchmark.OURS);
    if (exponent != null
        && Collections.min(settings.lengths()) <= 8192
        && Collections.max(settings.lengths()) >= 4_194_304) {
      report.goals.add(Goal.atMost("time grows as N to the power of", 1.02, exponent));
    }
    return report;
  }

  private void goals(long tokens) {
    BenchResult ours = at(AttentionBenchmark.OURS, tokens).orElseThrow();
    goals.add(Goal.share("share of the matrix product", 0.85, ours.gigaflops() / matrixGigaflops));
    fastest(tokens, Contestant.USER, "")
        .ifPresent(r -> goals.add(Goal.times("against " + r.name() + ", its best", 1.5, ratio(r))));
    fastest(tokens, Contestant.USER, Contestant.AS_IT_COMES)
        .ifPresent(r -> goals.add(Goal.times("against " + r.name(), 2.5, ratio(r))));
    fastest(tokens, Contestant.DENSE, "")
        .ifPresent(r -> goals.add(Goal.times("against " + r.name() + ", its best", 9, ratio(r))));
  }

  private Optional<BenchResult> fastest(long tokens, String start, String end) {
    return results.stream()
        .filter(r -> r.tokens() == tokens && r.name().startsWith(start) && r.name().endsWith(end))
        .min(Comparator.comparingDouble(BenchResult::seconds));
  }

  /// Time against ours at the same length, more than 1: ours is faster. Ours comes first.
  double ratio(BenchResult result) {
    return result.seconds() / at(first(), result.tokens()).orElseThrow().seconds();
  }

  private String first() {
    return results.getFirst().name();
  }

  private Optional<BenchResult> at(String name, long tokens) {
    return results.stream().filter(r -> r.name().equals(name) && r.tokens() == tokens).findFirst();
  }

  /// The slope of log(time) against log(N) over all lengths of an implementation, by least squares;
  /// empty below two lengths.
  public Map<String, Double> exponents() {
    return exponents(BenchResult::seconds);
  }

  private Map<String, Double> exponents(ToDoubleFunction<BenchResult> value) {
    Map<String, List<BenchResult>> byName =
        results.stream()
            .collect(
                Collectors.groupingBy(BenchResult::name, LinkedHashMap::new, Collectors.toList()));
    Map<String, Double> exponents = new LinkedHashMap<>();
    byName.forEach((name, own) -> {
      if (own.size() > 1) {
        exponents.put(
            name,
            Statistics.exponent(
                own.stream().mapToDouble(BenchResult::tokens).toArray(),
                own.stream().mapToDouble(value).toArray()));
      }
    });
    return exponents;
  }

  /// Lines of text, the widest about 120 characters.
  public String table() {
    StringBuilder text = new StringBuilder();
    line(text, "%s", shape());
    environment().forEach(known -> line(text, "%s", known));
    for (long tokens : settings.lengths()) {
      text.append('\n');
      line(text, "N = %,d, branches %s", tokens, branches(tokens));
      line(
          text,
          "  %-46s %10s %8s %9s %9s %11s %9s %3s",
          "",
          "time",
          "GFLOP/s",
          "of matmul",
          List.of(AttentionBenchmark.OURS, Contestant.TORCH).contains(first())
              ? "x ours"
              : "x first",
          "peak memory",
          "Java heap",
          "n");
      results.stream()
          .filter(r -> r.tokens() == tokens)
          .forEach(r ->
              line(
                  text,
                  "  %-46s %10s %8.1f %8.0f%% %9.2f %11s %9s %3d",
                  r.name(),
                  time(r.seconds()),
                  r.gigaflops(),
                  100 * r.gigaflops() / matrixGigaflops,
                  ratio(r),
                  peak(r).isPresent() ? bytes(peak(r).getAsLong()) : "unknown",
                  bytes(r.heapBytes()),
                  r.samples()));
    }
    if (!exponents().isEmpty()) {
      text.append('\n');
      Map<String, Double> work = exponents(BenchResult::flops);
      line(text, "time grows as N to the power of");
      exponents()
          .forEach((name, exponent) ->
              line(
                  text,
                  "  %-46s %10.3f  (its operations: %.3f)",
                  name,
                  exponent,
                  Objects.requireNonNull(work.get(name))));
    }
    if (!goals.isEmpty()) {
      text.append('\n');
      line(text, "goals");
      goals.forEach(goal -> line(text, "%s", goal.line()));
    }
    return text.toString();
  }

  private String shape() {
    long size = MatrixProduct.size(settings);
    return String.format(
        Locale.ROOT,
        "%s pass, B = %d, H = %d, D = %d, %s, %s; matrix product %.0f GFLOP/s (%s, [%d, %d])",
        settings.backward() ? "backward" : "forward",
        settings.batch(),
        settings.heads(),
        settings.headSize(),
        settings.causal() ? "causal" : "bidirectional",
        settings.gpu() ? settings.device() : threads + " threads",
        matrixGigaflops,
        settings.gpu() ? "bfloat16" : "float32",
        size,
        size);
  }

  /// What is set here that changes how fast libtorch's threads are; nothing for a GPU.
  private List<String> environment() {
    List<String> known = new ArrayList<>();
    if (!settings.gpu()) {
      known.add(
          String.format(
              Locale.ROOT,
              "environment: OPENBLAS_THREAD_TIMEOUT=%s OMP_WAIT_POLICY=%s; the PyTorch user: neither is set",
              System.getenv("OPENBLAS_THREAD_TIMEOUT"),
              System.getenv("OMP_WAIT_POLICY")));
      String core = System.getenv("OPENBLAS_CORETYPE");
      if (core != null) {
        known.add(
            String.format(
                Locale.ROOT,
                "OPENBLAS_CORETYPE=%s holds the matrix product and all of libtorch's attention to that processor's kernels",
                core));
      }
    }
    return known;
  }

  /// `segment length/dilation` each.
  private List<String> branches(long tokens) {
    return settings.spec(tokens).segments().stream()
        .map(b -> b.segmentLength() + "/" + b.dilation())
        .toList();
  }

  /// The process's memory says nothing of a GPU's.
  private OptionalLong peak(BenchResult result) {
    return settings.gpu() ? OptionalLong.empty() : result.peakBytes();
  }

  private static void line(StringBuilder text, String format, Object... values) {
    text.append(String.format(Locale.ROOT, format, values)).append('\n');
  }

  private static String time(double seconds) {
    return seconds < 0.1
        ? String.format(Locale.ROOT, "%.3f ms", 1e3 * seconds)
        : String.format(Locale.ROOT, "%.3f s", seconds);
  }

  private static String bytes(long bytes) {
    return bytes < 10_000
        ? bytes + " B"
        : bytes < 10_000_000
            ? bytes / 1000 + " kB"
            : String.format(Locale.ROOT, "%,d MB", bytes / 1_000_000);
  }

  /// The table has a row for each result.
  ResultTable.Content content() {
    List<String> notes = new ArrayList<>();
    notes.add(shape());
    settings
        .lengths()
        .forEach(tokens ->
            notes.add(
                String.format(Locale.ROOT, "N = %,d: branches %s", tokens, branches(tokens))));
    environment().forEach(notes::add);
    exponents()
        .forEach((name, exponent) ->
            notes.add(
                String.format(
                    Locale.ROOT, "%s: time grows as N to the power of %.3f", name, exponent)));
    goals.forEach(goal -> notes.add("Goal: " + goal.line().strip().replaceAll(" +", " ")));
    return new ResultTable.Content(
        List.of(
            Column.text("implementation"),
            Column.integer("N", "tokens"),
            Column.number("time", "s", 4),
            Column.number("fastest", "s", 4),
            Column.integer("samples", ""),
            Column.number("rate", "GFLOP/s", 4),
            Column.number("matrix product", "GFLOP/s", 4),
            Column.number("share", "%", 3),
            Column.number("times the first", "", 3),
            Column.integer("peak memory", "bytes"),
            Column.integer("Java heap", "bytes")),
        results.stream()
            .map(r ->
                ResultTable.row(
                    r.name(),
                    r.tokens(),
                    r.seconds(),
                    r.fastest(),
                    r.samples(),
                    r.gigaflops(),
                    matrixGigaflops,
                    100 * r.gigaflops() / matrixGigaflops,
                    ratio(r),
                    peak(r),
                    r.heapBytes()))
            .toList(),
        notes);
  }
}
