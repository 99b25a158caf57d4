// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.evaluate.Evaluator;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.model.ModelOptions;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Times whole passes without gradients, in turns with the matrix product that bounds them: those
/// of `longnet eval` and of `longnet logits`. Both must say the same of a sequence before either is
/// timed. Where some ids have no text, an evaluation also sums what these take of the probability;
/// that is not part of a pass here.
public final class PassBenchmark {
  /// What a pass gives.
  public enum Pass {
    /// The loss of each token, `longnet eval`'s, of as many windows at once.
    LOSSES,
    /// The logits of each token of one window, `longnet logits`'.
    LOGITS;

    /// Windows of a pass.
    int sequences(int window) {
      return this == LOSSES ? Evaluator.windowsAtOnce(window) : 1;
    }
  }

  /// Passes of a kind before the machine's rate is measured again.
  private static final double TURN_SECONDS = 0.5;

  /// At least so often passes of each kind take turns.
  private static final int TURNS = 5;

  /// Tokens whose losses are compared with their logits at most.
  private static final int COMPARED = 1024;

  /// Of a loss, relative: both kinds read the same logits, and sum in another order.
  private static final double TOLERANCE = 1e-4;

  private final RunConfig config;
  private final StepTiming timing;

  /// @param sequences windows of a pass
  /// @param seconds of a pass, median
  /// @param flops of a pass
  /// @param rate matrix products in the model's precision, FLOP/s, median of the measurements
  ///   between the passes
  public record Result(
      String name,
      Precision precision,
      Pass pass,
      int window,
      int sequences,
      long parameters,
      double seconds,
      double flops,
      double rate) {

    public double tokensPerSecond() {
      return (double) sequences * window / seconds;
    }

    /// The share of the machine's matrix-product rate.
    public double share() {
      return flops / seconds / rate;
    }
  }

  /// The table has two rows for each configuration.
  ///
  /// @param timing of passes, as of steps
  /// @param progress takes a line for each configuration
  /// @param shown takes every result as soon as it is there
  public static Experiment experiment(
      List<RunConfig> configs,
      StepTiming timing,
      Consumer<String> progress,
      Consumer<Result> shown) {
    return new Experiment(
        "eval",
        "A pass without gradients over a small model's window runs at half the machine's matrix-product rate or more.",
        List.of(ModelSteps.SEED),
        soFar -> {
          List<Result> results = new ArrayList<>();
          for (RunConfig config : configs) {
            progress.accept(
                String.format(
                    Locale.ROOT,
                    "%s %s: %d passes of each kind",
                    config.name(),
                    config.runtime().precision(),
                    timing.steps()));
            for (Result result : new PassBenchmark(config, timing).run()) {
              results.add(result);
              shown.accept(result);
            }
            soFar.accept(content(results));
          }
          return content(results);
        });
  }

  private static ResultTable.Content content(List<Result> results) {
    return new ResultTable.Content(
        List.of(
            Column.text("recipe"),
            Column.text("type"),
            Column.text("pass"),
            Column.integer("window", "tokens"),
            Column.integer("windows", ""),
            Column.integer("parameters", ""),
            Column.number("time", "s", 4),
            Column.number("speed", "tokens/s", 4),
            Column.number("rate", "GFLOP/s", 4),
            Column.number("matrix products", "GFLOP/s", 4),
            Column.number("share", "%", 3)),
        results.stream()
            .map(r ->
                ResultTable.row(
                    r.name(),
                    r.precision().name().toLowerCase(Locale.ROOT),
                    r.pass().name().toLowerCase(Locale.ROOT),
                    r.window(),
                    r.sequences(),
                    r.parameters(),
                    r.seconds(),
                    r.tokensPerSecond(),
                    r.flops() / r.seconds() / 1e9,
                    r.rate() / 1e9,
                    100 * r.share()))
            .toList(),
        List.of());
  }

  /// @param config its model, window and runtime are used
  public PassBenchmark(RunConfig config, StepTiming timing) {
    this.config = config;
    this.timing = timing;
  }

  /// @return a result for each kind of pass
  /// @throws IllegalStateException when the kinds disagree
  public List<Result> run() {
    RuntimeConfig runtime = config.runtime();
    Torch.load();
    torch.manual_seed(ModelSteps.SEED);
    Map<Pass, List<Double>> seconds = new EnumMap<>(Pass.class);
    List<Double> rates = new ArrayList<>();
    int window = config.training().window();
    try (PointerScope _ = new PointerScope();
        Decoder decoder =
            Decoder.create(
                config.model(),
                ModelOptions.of(runtime).withActivationCheckpointing(false),
                AttentionOperators.factory(runtime),
                ModelSteps.SEED)) {
      Tensor windows =
          torch
              .randint(
                  config.model().vocabulary(),
                  new long[] {Evaluator.windowsAtOnce(window), window + 1L},
                  torch.dtype(torch.ScalarType.Long))
              .to(new Device(runtime.device()), torch.ScalarType.Long);
      requireSame(decoder, windows);
      int taken = 0;
      for (long cold = System.nanoTime(); !timing.warm(taken, cold); taken++) {
        for (Pass pass : Pass.values()) {
          try (TorchThreads _ = decoder.threads()) {
            seconds(pass, decoder, windows);
          }
        }
      }
      int most = Math.ceilDiv(timing.steps(), TURNS);
      for (Pass pass : Pass.values()) {
        seconds.put(pass, new ArrayList<>());
      }
      while (seconds.values().stream().anyMatch(all -> all.size() < timing.steps())) {
        try (TorchThreads _ = Torch.threads(runtime.threads())) {
          rates.add(MatrixRate.measure(runtime.precision(), runtime.device()));
        }
        for (Map.Entry<Pass, List<Double>> kind : seconds.entrySet()) {
          List<Double> all = kind.getValue();
          int left = Math.min(most, timing.steps() - all.size());
          if (left == 0) {
            continue;
          }
          try (TorchThreads _ = decoder.threads()) {
            double turn = 0;
            for (int i = 0; i < left && turn < TURN_SECONDS; i++) {
              all.add(seconds(kind.getKey(), decoder, windows));
              turn += all.getLast();
            }
          }
        }
      }
    }
    ModelCost cost = new ModelCost(config.model());
    return seconds.entrySet().stream()
        .map(one ->
            new Result(
                config.name(),
                runtime.precision(),
                one.getKey(),
                window,
                one.getKey().sequences(window),
                cost.parameters(),
                Statistics.median(one.getValue()),
                cost.forwardFlops(window) * one.getKey().sequences(window),
                Statistics.median(rates)))
        .toList();
  }

  private static double seconds(Pass pass, Decoder decoder, Tensor windows) {
    long began = System.nanoTime();
    try (PointerScope _ = new PointerScope()) {
      Torch.finish(pass(pass, decoder, windows));
    }
    return (System.nanoTime() - began) / 1e9;
  }

  /// A tensor of the caller's scope.
  private static Tensor pass(Pass pass, Decoder decoder, Tensor windows) {
    return switch (pass) {
      case LOSSES -> decoder.losses(windows);
      case LOGITS -> decoder.logits(windows.narrow(0, 0, 1).narrow(1, 0, windows.size(1) - 1));
    };
  }

  private static void requireSame(Decoder decoder, Tensor all) {
    try (PointerScope _ = new PointerScope()) {
      Tensor windows = all.narrow(0, 0, 1).narrow(1, 0, Math.min(all.size(1), COMPARED + 1L));
      Tensor losses = pass(Pass.LOSSES, decoder, windows).to(torch.ScalarType.Double);
      Tensor logits = pass(Pass.LOGITS, decoder, windows);
      Tensor targets = windows.narrow(1, 1, windows.size(1) - 1).unsqueeze(2);
      Tensor expected =
          logits
              .logsumexp(new long[] {2}, false)
              .sub(logits.gather(2, targets).squeeze(2))
              .to(torch.ScalarType.Double);
      double error =
          losses.sub(expected).abs().max().item_double() / expected.abs().max().item_double();
      if (!(error <= TOLERANCE)) {
        throw new IllegalStateException(
            String.format(Locale.ROOT, "losses and logits disagree by %s of a loss", error));
      }
    }
  }
}
