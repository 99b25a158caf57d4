// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelCost;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.experiments.MemoryProbe;
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
import dev.longnet.lm.train.Optimizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.Consumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Times whole training steps of one sequence (forward, backward, gradient norm, optimizer), and
/// between them the matrix product that bounds them. Model FLOPs are those of [ModelCost]: what is
/// computed twice counts once.
public final class TrainingBenchmark {
  /// Tokens are drawn from this many ids, so that a right gradient lowers the loss within a few
  /// steps.
  private static final long IDS = 64;

  private static final long SEED = 1;

  private final RunConfig config;
  private final int steps;
  private final Consumer<String> progress;

  /// @param rate matrix products in the model's precision, FLOP/s, median of the measurements
  ///   between the steps
  /// @param seconds of a step, median
  /// @param flops of a step
  /// @param peakBytes resident memory of the whole process; empty where the system does not tell,
  ///   and on a GPU
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
      double lastLoss) {

    public double tokensPerSecond() {
      return window / seconds;
    }

    /// The share of the machine's matrix-product rate.
    public double share() {
      return flops / seconds / rate;
    }
  }

  /// The table has a row for each configuration.
  ///
  /// @param shown takes every result as soon as it is there
  public static Experiment experiment(
      List<RunConfig> configs, int steps, Consumer<String> progress, Consumer<Result> shown) {
    return new Experiment(
        "train",
        "A training step of the 125M model runs at 85 % of the machine's matrix-product rate "
            + "in float32 and at 60 % in bfloat16.",
        List.of(SEED),
        soFar -> {
          ResultTable.Content content = content(List.of());
          List<Result> results = new ArrayList<>();
          for (RunConfig config : configs) {
            results.add(new TrainingBenchmark(config, steps, progress).run());
            shown.accept(results.getLast());
            content = content(results);
            soFar.accept(content);
          }
          return content;
        });
  }

  private static ResultTable.Content content(List<Result> results) {
    return new ResultTable.Content(
        List.of(
            Column.text("recipe"),
            Column.text("type"),
            Column.integer("window", "tokens"),
            Column.integer("parameters", ""),
            Column.number("step", "s", 4),
            Column.number("speed", "tokens/s", 4),
            Column.number("rate", "GFLOP/s", 4),
            Column.number("matrix products", "GFLOP/s", 4),
            Column.number("share", "%", 3),
            Column.integer("peak memory", "bytes"),
            Column.number("first loss", "", 4),
            Column.number("last loss", "", 4)),
        results.stream()
            .map(r ->
                ResultTable.row(
                    r.name(),
                    r.precision().name().toLowerCase(Locale.ROOT),
                    r.window(),
                    r.parameters(),
                    r.seconds(),
                    r.tokensPerSecond(),
                    r.flops() / r.seconds() / 1e9,
                    r.rate() / 1e9,
                    100 * r.share(),
                    r.peakBytes(),
                    r.firstLoss(),
                    r.lastLoss()))
            .toList(),
        List.of());
  }

  /// @param config its model, window, optimizer and runtime are used
  /// @param steps timed, after two that warm up
  public TrainingBenchmark(RunConfig config, int steps, Consumer<String> progress) {
    if (steps < 1) {
      throw new FieldException("%1$s must be positive: %1$s=%2$d", Field.of("steps"), steps);
    }
    this.config = config;
    this.steps = steps;
    this.progress = progress;
  }

  /// @throws IllegalStateException when the steps do not lower the loss: then what was timed is not
  ///   training
  public Result run() {
    RuntimeConfig runtime = config.runtime();
    ModelConfig model = config.model();
    int window = config.training().window();
    ModelOptions options = ModelOptions.of(runtime);
    List<Double> seconds = new ArrayList<>();
    List<Double> rates = new ArrayList<>();
    List<Double> losses = new ArrayList<>();
    Torch.load();
    torch.manual_seed(SEED);
    try (TorchThreads _ = Torch.threads(runtime.threads());
        PointerScope scope = new PointerScope();
        Decoder decoder =
            Decoder.create(model, options, AttentionOperators.factory(runtime), SEED);
        Optimizer optimizer =
            new Optimizer(
                config.optimizer(),
                decoder.parameters(),
                decoder.gradients(),
                name -> decoder.blueprint().parameter(name).decays())) {
      Tensor tokens =
          torch
              .randint(
                  Math.min(IDS, model.vocabulary()),
                  new long[] {1, window + 1L},
                  torch.dtype(torch.ScalarType.Long))
              .to(new Device(runtime.device()), torch.ScalarType.Long);
      MemoryProbe memory =
          MemoryProbe.of(() -> {
            for (int step = -2; step < steps; step++) {
              rates.add(MatrixRate.measure(runtime.precision(), runtime.device()));
              long began = System.nanoTime();
              losses.add(step(decoder, optimizer, tokens));
              double took = (System.nanoTime() - began) / 1e9;
              progress.accept(
                  String.format(
                      Locale.ROOT,
                      "%s %s: step %d of %d, %.2f s",
                      config.name(),
                      runtime.precision(),
                      step + 3,
                      steps + 2,
                      took));
              if (step >= 0) {
                seconds.add(took);
              }
            }
          });
      check(losses);
      ModelCost cost = new ModelCost(model);
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
          losses.getLast());
    }
  }

  private double step(Decoder decoder, Optimizer optimizer, Tensor tokens) {
    decoder.zeroGradients();
    double loss;
    try (PointerScope scope = new PointerScope()) {
      loss = decoder.lossAndGradients(tokens, 1);
    }
    double norm = optimizer.gradientNorm();
    double clip = config.training().gradientClip();
    optimizer.step(config.optimizer().learningRate(), clip > 0 && norm > clip ? clip / norm : 1);
    Torch.finish(decoder.parameters().firstEntry().getValue());
    return loss;
  }

  private static void check(List<Double> losses) {
    if (!(losses.getLast() < losses.getFirst())) {
      throw new IllegalStateException("the loss does not fall on one sequence repeated: " + losses);
    }
  }
}
