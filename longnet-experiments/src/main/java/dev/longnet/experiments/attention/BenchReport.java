package dev.longnet.experiments.attention;

import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.ToDoubleFunction;

/// What a benchmark found: as a table for people and as a tree for files.
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
  /// With the goals of [AttentionBenchmark].
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
    Map<String, List<double[]>> points = new LinkedHashMap<>();
    for (BenchResult r : results) {
      points
          .computeIfAbsent(r.name(), name -> new ArrayList<>())
          .add(new double[] {Math.log(r.tokens()), Math.log(value.applyAsDouble(r))});
    }
    Map<String, Double> exponents = new LinkedHashMap<>();
    points.forEach((name, list) -> {
      if (list.size() > 1) {
        exponents.put(name, slope(list));
      }
    });
    return exponents;
  }

  private static double slope(List<double[]> points) {
    double x = points.stream().mapToDouble(p -> p[0]).average().orElseThrow();
    double y = points.stream().mapToDouble(p -> p[1]).average().orElseThrow();
    double xy = points.stream().mapToDouble(p -> (p[0] - x) * (p[1] - y)).sum();
    double xx = points.stream().mapToDouble(p -> (p[0] - x) * (p[0] - x)).sum();
    return xy / xx;
  }

  /// Lines of text, the widest about 120 characters.
  public String table() {
    StringBuilder text = new StringBuilder();
    long size = MatrixProduct.size(settings);
    line(
        text,
        "%s pass, B = %d, H = %d, D = %d, %s, %s; matrix product %.0f GFLOP/s (%s, [%d, %d])",
        settings.backward() ? "backward" : "forward",
        settings.batch(),
        settings.heads(),
        settings.headSize(),
        settings.causal() ? "causal" : "bidirectional",
        settings.gpu() ? settings.device() : threads + " threads",
        matrixGigaflops,
        type(),
        size,
        size);
    if (!settings.gpu()) {
      line(
          text,
          "environment: OPENBLAS_THREAD_TIMEOUT=%s OMP_WAIT_POLICY=%s; the PyTorch user: neither is set",
          System.getenv("OPENBLAS_THREAD_TIMEOUT"),
          System.getenv("OMP_WAIT_POLICY"));
      String core = System.getenv("OPENBLAS_CORETYPE");
      if (core != null) {
        line(
            text,
            "OPENBLAS_CORETYPE=%s holds the matrix product and all of libtorch's attention to that processor's kernels",
            core);
      }
    }
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
              line(text, "  %-46s %10.3f  (its operations: %.3f)", name, exponent, work.get(name)));
    }
    if (!goals.isEmpty()) {
      text.append('\n');
      line(text, "goals");
      goals.forEach(goal -> line(text, "%s", goal.line()));
    }
    return text.toString();
  }

  private String type() {
    return settings.gpu() ? "bfloat16" : "float32";
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

  /// Numbers and strings, maps and lists of them.
  public Map<String, Object> tree() {
    Map<String, Object> tree = new LinkedHashMap<>();
    tree.put("pass", settings.backward() ? "backward" : "forward");
    tree.put("device", settings.device());
    tree.put("batch", settings.batch());
    tree.put("heads", settings.heads());
    tree.put("head_size", settings.headSize());
    tree.put("causal", settings.causal());
    tree.put("type", type());
    tree.put("rounds", settings.rounds());
    tree.put("date", Instant.now().toString());
    Map<String, List<String>> branches = new LinkedHashMap<>();
    settings.lengths().forEach(tokens -> branches.put(Long.toString(tokens), branches(tokens)));
    tree.put("branches", branches);
    tree.put("threads", threads);
    tree.put("matrix_product_gflops", matrixGigaflops);
    tree.put("environment", environment());
    List<Map<String, Object>> rows = new ArrayList<>();
    for (BenchResult r : results) {
      Map<String, Object> row = new LinkedHashMap<>();
      row.put("name", r.name());
      row.put("tokens", r.tokens());
      row.put("seconds", r.seconds());
      row.put("fastest_seconds", r.fastest());
      row.put("samples", r.samples());
      row.put("flops", r.flops());
      row.put("gflops", r.gigaflops());
      row.put("share_of_matrix_product", r.gigaflops() / matrixGigaflops);
      row.put("times_ours", ratio(r));
      row.put("peak_bytes", peak(r).isPresent() ? peak(r).getAsLong() : null);
      row.put("java_heap_bytes", r.heapBytes());
      rows.add(row);
    }
    tree.put("results", rows);
    tree.put("exponents", exponents());
    tree.put(
        "goals",
        goals.stream()
            .map(goal ->
                Map.of(
                    "what",
                    goal.what(),
                    goal.most() ? "at_most" : "at_least",
                    goal.wanted(),
                    "reached",
                    goal.reached(),
                    "met",
                    goal.met()))
            .toList());
    return tree;
  }

  private static Map<String, Object> environment() {
    Map<String, Object> environment = new LinkedHashMap<>();
    environment.put("java", Runtime.version().toString());
    environment.put("os", System.getProperty("os.name") + " " + System.getProperty("os.arch"));
    environment.put("processors", Runtime.getRuntime().availableProcessors());
    for (String name :
        List.of(
            "OPENBLAS_THREAD_TIMEOUT",
            "OMP_WAIT_POLICY",
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "OPENBLAS_CORETYPE")) {
      environment.put(name, System.getenv(name));
    }
    environment.put("commit", System.getProperty("longnet.commit", ""));
    return environment;
  }
}
