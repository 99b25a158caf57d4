// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import java.util.function.ToDoubleFunction;
import java.util.stream.IntStream;

/// The Java kernels among themselves: short segments, bfloat16 storage, many tiny calls against
/// one, the scalar twin against SIMD.
public final class KernelBenchmark {
  private static final long TINY = 64;
  private static final int TINY_CALLS = 10_000;

  private final BenchSettings settings;
  private final AttentionOptions options;
  private final Consumer<String> progress;
  private final long tokens;

  /// @param settings with one length
  public KernelBenchmark(
      BenchSettings settings, AttentionOptions options, Consumer<String> progress) {
    this.settings = settings;
    this.options = options;
    this.progress = progress;
    this.tokens = settings.lengths().getFirst();
    if (tokens < TINY || settings.batch() != 1) {
      throw new IllegalArgumentException(
          "the kernels are measured on one sequence of 64 tokens or more: batch="
              + settings.batch()
              + ", tokens="
              + tokens);
    }
  }

  /// One way of calling the operator.
  ///
  /// @param x what a call takes
  /// @param calls one after another, each of the next sequence where `x` holds one
  private record Case(String name, DilatedAttention attention, KernelTensors x, int calls) {}

  /// The table has a row for each case.
  ///
  /// @param shown takes the report before it becomes a table
  public Experiment experiment(Consumer<BenchReport> shown) {
    return new Experiment(
        "kernels",
        "Segments of 256 and 64 keys reach 65 % and 35 % of the machine's matrix-product "
            + "rate, and bfloat16 storage costs no speed.",
        List.of(KernelTensors.SEED),
        _ -> {
          BenchReport report = run();
          shown.accept(report);
          return report.content();
        });
  }

  /// @throws IllegalStateException when something is computed wrongly
  public BenchReport run() {
    try (TorchThreads _ = Torch.threads(options.threads());
        Arena arena = Arena.ofShared()) {
      KernelTensors floats = KernelTensors.random(arena, settings, tokens);
      List<Case> cases = cases(floats, floats.rounded(arena));
      List<Lane> lanes = new ArrayList<>();
      for (Case c : cases) {
        progress.accept("verifying " + c.name);
        c.x.verify(c.name, c.attention, settings.small().getFirst());
        IntFunction<Timing> call = calls -> Timing.of(calls, () -> time(c));
        DilatedAttentionSpec spec = (DilatedAttentionSpec) c.attention.pattern();
        double flops = c.calls * c.x.batch() * settings.flops(spec, c.x.tokens(), c.x.heads());
        lanes.add(new Lane(c.name, true, false, flops, settings.seconds(), call));
      }
      Rounds rounds = new Rounds(settings, progress);
      List<BenchResult> results = rounds.run(tokens, lanes);
      return new BenchReport(
          settings,
          rounds.matrixGigaflops(),
          options.threads(),
          results,
          goals(results, rounds.matrixGigaflops()));
    }
  }

  private List<Case> cases(KernelTensors floats, KernelTensors bfloats) {
    DilatedAttention all = DilatedAttention.of(settings.spec(tokens), options);
    DilatedAttention scalar =
        DilatedAttention.of(segments(2048), options.withKernel(KernelChoice.SCALAR));
    DilatedAttention tiny =
        DilatedAttention.of(DilatedAttentionSpec.dense(settings.causal()), options);
    DilatedAttention tinyAtOnce = DilatedAttention.of(tiny.pattern(), options.withThreads(1));
    List<Case> cases =
        new ArrayList<>(
            List.of(
                new Case("all branches, float32", all, floats, 1),
                new Case("all branches, bfloat16", all, bfloats, 1),
                new Case(
                    "segments of 2048", DilatedAttention.of(segments(2048), options), floats, 1),
                new Case("segments of 2048, scalar", scalar, floats, 1),
                new Case("segments of 256", DilatedAttention.of(segments(256), options), floats, 1),
                new Case("segments of 64", DilatedAttention.of(segments(64), options), floats, 1),
                new Case(
                    "10,000 calls of 64 tokens",
                    tiny,
                    floats.cut(TINY, settings.heads(), 1),
                    TINY_CALLS),
                new Case(
                    "10,000 calls of 64 tokens, one head",
                    tiny,
                    floats.cut(TINY, 1, 1),
                    TINY_CALLS),
                new Case(
                    "64 tokens, all in one call, one thread",
                    tinyAtOnce,
                    floats.cut(TINY, settings.heads(), tokens / TINY),
                    1)));
    AttentionOperators.bfloatProducts()
        .ifPresent(products -> {
          AttentionOptions units = options.withProducts(products);
          cases.add(
              new Case(
                  "all branches, bfloat16, matrix units",
                  DilatedAttention.of(all.pattern(), units),
                  bfloats,
                  1));
          // Shorter ones go through vector loops.
          IntStream.of(256, 64)
              .filter(length -> length >= products.leastKeys())
              .forEach(length ->
                  cases.add(
                      new Case(
                          "segments of " + length + ", bfloat16, matrix units",
                          DilatedAttention.of(segments(length), units),
                          bfloats,
                          1)));
        });
    return cases;
  }

  private DilatedAttentionSpec segments(long length) {
    return new DilatedAttentionSpec(
        List.of(new Branch(length, 1)), settings.causal(), HeadOffsets.INTERLEAVED);
  }

  private double time(Case c) {
    // A call's backward pass needs that call's own out and lse.
    if (settings.backward()) {
      for (int i = 0; i < c.calls; i++) {
        c.x.forward(c.attention, i);
      }
    }
    long start = System.nanoTime();
    for (int i = 0; i < c.calls; i++) {
      if (settings.backward()) {
        c.x.backward(c.attention, i);
      } else {
        c.x.forward(c.attention, i);
      }
    }
    return (System.nanoTime() - start) / 1e9;
  }

  private static List<Goal> goals(List<BenchResult> results, double matrix) {
    ToDoubleFunction<String> rate =
        name ->
            results.stream()
                .filter(r -> r.name().equals(name))
                .findFirst()
                .orElseThrow()
                .gigaflops();
    return List.of(
        Goal.share(
            "segments of 256 keys, share of the matrix product",
            0.65,
            rate.applyAsDouble("segments of 256") / matrix),
        Goal.share(
            "segments of 64 keys, share of the matrix product",
            0.35,
            rate.applyAsDouble("segments of 64") / matrix),
        Goal.times(
            "bfloat16 storage, speed against float32",
            1,
            rate.applyAsDouble("all branches, bfloat16")
                / rate.applyAsDouble("all branches, float32")),
        Goal.share(
            "10,000 tiny calls, share of their time that the work takes in one call",
            0.5,
            rate.applyAsDouble("10,000 calls of 64 tokens")
                / rate.applyAsDouble("64 tokens, all in one call, one thread")),
        Goal.times(
            "scalar twin, speed against SIMD",
            0.125,
            rate.applyAsDouble("segments of 2048, scalar")
                / rate.applyAsDouble("segments of 2048")));
  }
}
