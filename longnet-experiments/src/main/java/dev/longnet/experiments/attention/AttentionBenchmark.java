// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.experiments.attention.Contestant.Inputs;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.function.IntFunction;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// Times all implementations in one run, in alternating rounds, after each was found right: ours in
/// this process, the others in one whose environment is a PyTorch user's; on a GPU all in this
/// process, as the environment is about the CPU's threads.
public final class AttentionBenchmark {
  static final String OURS = "longnet, java";
  static final String AFTER_PRODUCT = ", right after a matrix product";

  private final BenchSettings settings;
  private final AttentionOptions options;
  private final Consumer<String> progress;

  /// @param options of the Java kernels
  /// @param progress takes a line now and then
  public AttentionBenchmark(
      BenchSettings settings, AttentionOptions options, Consumer<String> progress) {
    this.settings = settings;
    this.options = options;
    this.progress = progress;
  }

  /// The table has a row for each implementation and length.
  ///
  /// @param shown takes the report before it becomes a table
  public Experiment experiment(Consumer<BenchReport> shown) {
    return new Experiment(
        "attention",
        "Dilated attention in Java runs at 85 % of the machine's matrix-product rate or more "
            + "and in time that grows as N to the power of at most 1.02.",
        List.of(Inputs.SEED),
        _ -> {
          BenchReport report = run();
          shown.accept(report);
          return report.content();
        });
  }

  /// @throws IllegalStateException when an implementation computes something else than the others
  public BenchReport run() {
    boolean others =
        !settings.gpu()
            && Collections.min(settings.lengths())
                <= Math.max(settings.pytorchUpTo(), settings.denseUpTo());
    try (TorchThreads _ = Torch.threads(options.threads());
        UserProcess user = others ? new UserProcess(settings, options.threads()) : null) {
      progress.accept("verifying against the float64 oracle");
      settings.small().forEach(small -> Verification.againstOracle(ours(small), settings));
      if (user != null) {
        user.verify();
      }
      Rounds rounds = new Rounds(settings, progress);
      List<BenchResult> results = new ArrayList<>();
      for (long tokens : settings.lengths()) {
        try (PointerScope scope = new PointerScope()) {
          results.addAll(rounds.run(tokens, lanes(tokens, Inputs.random(settings, tokens), user)));
        }
      }
      return BenchReport.of(settings, rounds.matrixGigaflops(), options.threads(), results);
    }
  }

  private List<Contestant> ours(DilatedAttentionSpec spec) {
    return settings.gpu()
        ? List.of(Contestant.libtorch(spec))
        : List.of(Contestant.java(spec, options), Contestant.libtorch(spec));
  }

  /// What runs in this process at a length, ours first.
  private List<Contestant> here(DilatedAttentionSpec spec, long tokens) {
    List<Contestant> here =
        new ArrayList<>(tokens <= settings.pytorchUpTo() ? ours(spec) : ours(spec).subList(0, 1));
    if (settings.gpu()) {
      here.addAll(settings.others(spec, tokens));
    }
    return here;
  }

  /// All that take part at a length, ours first. What computes the same pattern must give the same
  /// output on the inputs to be timed.
  private List<Lane> lanes(long tokens, Inputs x, @Nullable UserProcess user) {
    DilatedAttentionSpec spec = settings.spec(tokens);
    double flops = settings.flops(spec, tokens);
    boolean compared = tokens <= settings.pytorchUpTo();
    List<Lane> lanes = new ArrayList<>();
    try (PointerScope scope = new PointerScope()) {
      Tensor expected = null;
      for (Contestant contestant : here(spec, tokens)) {
        IntFunction<Timing> call =
            calls -> Timing.of(calls, () -> contestant.time(x, settings.backward()));
        boolean same = contestant.pattern().equals(spec);
        double work = same ? flops : settings.flops(contestant.pattern(), tokens);
        lanes.add(
            new Lane(contestant.name(), lanes.isEmpty(), false, work, settings.seconds(), call));
        if (lanes.size() == 1) {
          if (!settings.gpu()) {
            lanes.add(new Lane(OURS + AFTER_PRODUCT, true, true, flops, settings.seconds(), call));
          }
          expected = compared ? contestant.forward(x).clone() : null;
        } else if (compared && same) {
          progress.accept("N = " + tokens + ": comparing " + contestant.name());
          Verification.againstEachOther(
              contestant.name(),
              contestant.forward(x),
              lanes.getFirst().name,
              Objects.requireNonNull(expected));
        }
      }
      if (user == null) {
        return lanes;
      }
      List<Contestant> others = settings.others(spec, tokens);
      if (!others.isEmpty()) {
        user.length(tokens);
      }
      for (int i = 0; i < others.size(); i++) {
        Contestant other = others.get(i);
        boolean same = other.pattern().equals(spec);
        if (compared && same) {
          progress.accept("N = " + tokens + ": comparing " + other.name());
          user.compare(i, Objects.requireNonNull(expected));
        }
        int number = i;
        lanes.add(
            new Lane(
                other.name(),
                false,
                false,
                same ? flops : settings.flops(other.pattern(), tokens),
                settings.seconds(),
                calls -> user.time(number, calls)));
      }
    }
    return lanes;
  }
}
