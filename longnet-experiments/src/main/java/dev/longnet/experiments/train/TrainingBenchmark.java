// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.experiments.MemoryProbe;
import dev.longnet.experiments.Statistics;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.function.Consumer;

/// Times whole training steps of one sequence (forward, backward, gradient norm, optimizer), in
/// turns with the matrix product that bounds them and with PyTorch's steps of the same model. Model
/// FLOPs are those of [ModelCost]: what is computed twice counts once.
public final class TrainingBenchmark {
  /// A turn takes about as long, and there are three turns at least.
  private static final double TURN_SECONDS = 1;

  private static final int TURNS = 3;

  private final RunConfig config;
  private final StepTiming timing;
  private final Python python;
  private final Consumer<String> progress;

  /// @param rate matrix products in the model's precision, FLOP/s, median of the measurements
  ///   between the steps
  /// @param seconds of a step, median
  /// @param flops of a step
  /// @param peakBytes resident memory of the whole process, PyTorch's not included; empty where the
  ///   system does not tell, and on a GPU
  /// @param firstLoss before any update
  public record Result(
      String name,
      Precision precision,
      int window,
      long parameters,
      double seconds,
      double flops,
      double rate,
      OptionalLong peakBytes,
      double firstLoss,
      double lastLoss,
      PyTorchResult pytorch) {

    public double tokensPerSecond() {
      return window / seconds;
    }

    /// The share of the machine's matrix-product rate.
    public double share() {
      return flops / seconds / rate;
    }

    /// How many times as fast as the better one of PyTorch's variants.
    public OptionalDouble timesPyTorch() {
      OptionalDouble best = pytorch.best();
      return best.isPresent()
          ? OptionalDouble.of(best.getAsDouble() / seconds)
          : OptionalDouble.empty();
    }
  }

  /// The table has a row for each configuration.
  ///
  /// @param shown takes every result as soon as it is there
  public static Experiment experiment(
      List<RunConfig> configs,
      StepTiming timing,
      Python python,
      Consumer<String> progress,
      Consumer<Result> shown) {
    return new Experiment(
        "train",
        "A training step of the 125M model runs at 85 % of the machine's matrix-product rate "
            + "in float32 and at 60 % in bfloat16.",
        List.of(ModelSteps.SEED),
        soFar -> {
          ResultTable.Content content = TrainingTable.of(List.of());
          List<Result> results = new ArrayList<>();
          for (RunConfig config : configs) {
            results.add(new TrainingBenchmark(config, timing, python, progress).run());
            shown.accept(results.getLast());
            content = TrainingTable.of(results);
            soFar.accept(content);
          }
          return content;
        });
  }

  /// @param config its model, window, optimizer and runtime are used
  /// @param python whose PyTorch takes turns
  public TrainingBenchmark(
      RunConfig config, StepTiming timing, Python python, Consumer<String> progress) {
    this.config = config;
    this.timing = timing;
    this.python = python;
    this.progress = progress;
  }

  /// @throws IllegalStateException when the steps do not lower the loss: then what was timed is not
  ///   training
  public Result run() {
    RuntimeConfig runtime = config.runtime();
    List<Double> seconds = new ArrayList<>();
    List<Double> rates = new ArrayList<>();
    List<Double> losses = new ArrayList<>();
    try (ModelSteps own = new ModelSteps(config, null);
        PyTorchSteps pytorch = new PyTorchSteps(config, progress)) {
      pytorch.start(python, own);
      MemoryProbe memory =
          MemoryProbe.of(() -> {
            double last = 0;
            long cold = System.nanoTime();
            while (!timing.warm(losses.size(), cold)) {
              last = step(own, losses);
            }
            pytorch.check(losses.getFirst());
            int turn =
                Math.clamp((long) (TURN_SECONDS / last), 1, Math.ceilDiv(timing.steps(), TURNS));
            while (seconds.size() < timing.steps()) {
              int count = Math.min(turn, timing.steps() - seconds.size());
              try (TorchThreads _ = Torch.threads(runtime.threads())) {
                rates.add(MatrixRate.measure(runtime.precision(), runtime.device()));
              }
              for (int i = 0; i < count; i++) {
                seconds.add(step(own, losses));
              }
              pytorch.time(count);
            }
          });
      ModelSteps.requireFalling(losses.getFirst(), losses.getLast());
      ModelCost cost = new ModelCost(config.model());
      int window = config.training().window();
      return new Result(
          config.name(),
          runtime.precision(),
          window,
          cost.parameters(),
          Statistics.median(seconds),
          cost.trainingFlops(window),
          Statistics.median(rates),
          runtime.device().equals("cpu") ? memory.peakResidentBytes() : OptionalLong.empty(),
          losses.getFirst(),
          losses.getLast(),
          pytorch.result());
    }
  }

  /// @return its seconds
  private double step(ModelSteps own, List<Double> losses) {
    long began = System.nanoTime();
    losses.add(own.step());
    double took = (System.nanoTime() - began) / 1e9;
    progress.accept(
        String.format(
            Locale.ROOT,
            "%s %s: step %d, %.2f s",
            config.name(),
            config.runtime().precision(),
            losses.size(),
            took));
    return took;
  }
}
