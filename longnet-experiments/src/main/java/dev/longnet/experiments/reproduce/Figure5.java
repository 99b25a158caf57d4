// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.report.LineChart;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.attention.AttentionBenchmark;
import dev.longnet.experiments.attention.BenchReport;
import dev.longnet.experiments.attention.BenchResult;
import dev.longnet.experiments.attention.BenchSettings;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/// The paper's figure 5: the forward pass's time by sequence length, at a constant number of
/// tokens. Dilated and dense attention are computed by the same kernel.
public final class Figure5 implements Reproduction {
  private static final String NAME = "figure5";
  private static final int HEAD_SIZE = 64;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public String about() {
    return "time a token of the operator by sequence length, dense beside dilated; no training";
  }

  /// @param tokens of a batch, whatever its sequences' length
  /// @param dilated lengths that dilated attention is timed at
  /// @param dense lengths that dense attention is timed at: as far as its time allows
  /// @param seconds of samples at one length
  private record Sizes(
      long tokens, List<Long> dilated, List<Long> dense, int rounds, double seconds) {}

  private static Sizes sizes(Scale scale) {
    return switch (scale) {
      case QUICK -> new Sizes(1L << 14, List.of(4096L, 8192L, 16384L), List.of(4096L, 8192L), 1, 1);
      case MACHINE ->
          new Sizes(
              1L << 22,
              List.of(8192L, 32768L, 131072L, 524288L, 1L << 20, 1L << 22),
              List.of(8192L, 32768L, 131072L, 262144L),
              3,
              45);
      case GPU ->
          new Sizes(
              1L << 21,
              List.of(8192L, 32768L, 131072L, 524288L, 1L << 21),
              List.of(8192L, 32768L, 131072L, 524288L),
              5,
              15);
    };
  }

  @Override
  public List<Job> jobs(Setting setting) {
    List<Job> jobs = new ArrayList<>();
    Sizes sizes = sizes(setting.scale());
    sizes.dilated.forEach(n -> jobs.add(job(setting, false, n)));
    sizes.dense.forEach(n -> jobs.add(job(setting, true, n)));
    return jobs;
  }

  private static Job job(Setting setting, boolean dense, long length) {
    BenchSettings bench = bench(setting.scale(), dense, length);
    double flops = bench.batch() * 4.0 * HEAD_SIZE * spec(dense, length).pairs(0, 1, length);
    // Every kernel is timed on its own and right after a matrix product.
    int calls = setting.scale() == Scale.GPU ? bench.rounds() : 2;
    return new Job(setting.id(NAME, row(dense, length), 1), Optional.empty(), calls * flops);
  }

  private static String row(boolean dense, long length) {
    return (dense ? "dense-" : "dilated-") + length;
  }

  /// w = 2048 and r = 1, both doubled up to the length; dense attention as one such branch.
  private static DilatedAttentionSpec spec(boolean dense, long length) {
    if (dense) {
      return DilatedAttentionSpec.dense(true);
    }
    List<Branch> branches = new ArrayList<>();
    for (long factor = 1; 2048 * factor <= length; factor *= 2) {
      branches.add(new Branch(2048 * factor, factor));
    }
    return new DilatedAttentionSpec(branches, true, HeadOffsets.INTERLEAVED);
  }

  private static BenchSettings bench(Scale scale, boolean dense, long length) {
    Sizes sizes = sizes(scale);
    return new BenchSettings(
        scale == Scale.GPU ? "cuda" : "cpu",
        List.of(length),
        Math.toIntExact(sizes.tokens / length),
        1,
        HEAD_SIZE,
        dense ? List.of(new Branch(length, 1)) : spec(false, length).segments(),
        true,
        false,
        0,
        0,
        sizes.rounds,
        sizes.seconds);
  }

  @Override
  public void measure(Setting setting, Job job, ObjectNode figures) {
    String[] words = job.id().row().split("-");
    boolean dense = words[0].equals("dense");
    BenchSettings bench = bench(setting.scale(), dense, Long.parseLong(words[1]));
    AttentionOptions options =
        AttentionOptions.defaults().withThreads(Runtime.getRuntime().availableProcessors());
    BenchReport report = new AttentionBenchmark(bench, options, _ -> {}).run();
    BenchResult ours = report.results().getFirst();
    figures.put("length", ours.tokens());
    figures.put("sequences", bench.batch());
    figures.put("seconds", ours.seconds());
    figures.put("samples", ours.samples());
    figures.put("flops", ours.flops());
    figures.put("matrix_gflops", report.matrixGigaflops());
  }

  @Override
  public Findings findings(Setting setting, EvidenceSet evidence) {
    Sizes sizes = sizes(setting.scale());
    List<Evidence> all = new ArrayList<>();
    List<List<String>> cells = new ArrayList<>();
    double[] x = sizes.dilated.stream().mapToDouble(Long::doubleValue).toArray();
    double[] denseX = sizes.dense.stream().mapToDouble(Long::doubleValue).toArray();
    double[] dilated = nanoseconds(setting, evidence, false, sizes.dilated, all);
    double[] dense = nanoseconds(setting, evidence, true, sizes.dense, all);
    Stream.concat(sizes.dilated.stream(), sizes.dense.stream())
        .distinct()
        .sorted()
        .forEach(length -> {
          double one = at(sizes.dilated, dilated, length);
          double other = at(sizes.dense, dense, length);
          cells.add(ResultTable.row(length, one, other, other / one));
        });
    double growth = exponent(x, dilated);
    double denseGrowth = exponent(denseX, dense);
    List<String> notes = new ArrayList<>();
    notes.add(
        String.format(
            Locale.ROOT,
            "Forward, %,d tokens a batch at every length, one head of %d, w = 2048 and r = 1, both"
                + " doubled up to N. The same kernel computes both.",
            sizes.tokens,
            HEAD_SIZE));
    if (Double.isFinite(growth) && Double.isFinite(denseGrowth)) {
      notes.add(
          String.format(
              Locale.ROOT,
              "The time a token grows as N^%.3f, of dense attention as N^%.3f.",
              growth,
              denseGrowth));
    }
    notes.addAll(evidence.missing(jobs(setting)));
    ResultTable table =
        new ResultTable(
            NAME,
            "The time a token of dilated attention stays as sequences grow; dense attention's grows"
                + " with them.",
            EvidenceSet.origin(Table2.command(setting, NAME), all),
            new ResultTable.Content(
                List.of(
                    Column.integer("N", "tokens"),
                    Column.number("dilated", "ns a token", 4),
                    Column.number("dense", "ns a token", 4),
                    Column.number("dense takes", "times as long", 3)),
                cells,
                notes));
    return new Findings(
        List.of(table),
        all.isEmpty()
            ? List.of()
            : List.of(
                new Findings.Plot(
                    NAME,
                    new LineChart(
                        "Forward pass of the operator",
                        "tokens of a sequence",
                        "ns a token",
                        true,
                        List.of(
                            new LineChart.Line("dilated", x, dilated),
                            new LineChart.Line("dense", denseX, dense))))),
        paper(sizes, growth, denseGrowth, table));
  }

  private static double[] nanoseconds(
      Setting setting,
      EvidenceSet evidence,
      boolean dense,
      List<Long> lengths,
      List<Evidence> all) {
    double[] result = new double[lengths.size()];
    for (int i = 0; i < result.length; i++) {
      Optional<Evidence> one = evidence.find(setting.id(NAME, row(dense, lengths.get(i)), 1));
      one.ifPresent(all::add);
      result[i] =
          one.map(e ->
                  1e9
                      * e.figures().path("seconds").asDouble()
                      / (e.figures().path("length").asDouble()
                          * e.figures().path("sequences").asDouble()))
              .orElse(Double.NaN);
    }
    return result;
  }

  private static double at(List<Long> lengths, double[] values, long length) {
    int index = lengths.indexOf(length);
    return index < 0 ? Double.NaN : values[index];
  }

  private static double exponent(double[] x, double[] y) {
    int[] measured = IntStream.range(0, y.length).filter(i -> Double.isFinite(y[i])).toArray();
    return Statistics.exponent(
        IntStream.of(measured).mapToDouble(i -> x[i]).toArray(),
        IntStream.of(measured).mapToDouble(i -> y[i]).toArray());
  }

  private static List<Findings.PaperCell> paper(
      Sizes sizes, double growth, double denseGrowth, ResultTable table) {
    return Double.isFinite(growth) && Double.isFinite(denseGrowth)
        ? List.of(
            new Findings.PaperCell(
                "The forward pass takes nearly constant time",
                String.format(
                    Locale.ROOT,
                    "At %,d tokens a batch the operator's time grows as N^%.3f from %,d to %,d"
                        + " tokens, dense attention's with the same kernel as N^%.3f up to %,d.",
                    sizes.tokens,
                    growth,
                    sizes.dilated.getFirst(),
                    sizes.dilated.getLast(),
                    denseGrowth,
                    sizes.dense.getLast()),
                table))
        : List.of();
  }
}
