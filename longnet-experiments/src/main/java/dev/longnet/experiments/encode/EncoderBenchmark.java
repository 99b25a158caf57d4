// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.encode;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.AttentionChoice;
import dev.longnet.core.machine.ProcessMemory;
import dev.longnet.experiments.results.Experiment;
import dev.longnet.experiments.results.ResultTable;
import dev.longnet.experiments.results.ResultTable.Column;
import dev.longnet.lm.inference.LoadedEncoder;
import dev.longnet.lm.model.Encoder;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import dev.longnet.lm.train.MatrixRate;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// One sequence of random vectors through an encoder with random weights. Before it is timed, a
/// short sequence is encoded with two independent attention kernels, and the results must agree.
public final class EncoderBenchmark {
  private static final long CHECKED_TOKENS = 3000;
  private static final double TOLERANCE = 1e-4;
  private static final long SEED = 1;

  private EncoderBenchmark() {}

  /// @param flops of matrix products and attention (4 D a query-key pair)
  /// @param attentionFlops those of attention alone
  /// @param matrixRate FLOP/s of matrix products, measured in the same run
  /// @param peakBytes largest resident memory of the process so far, where the system says so
  public record Result(
      long tokens,
      double seconds,
      double flops,
      double attentionFlops,
      double matrixRate,
      OptionalLong peakBytes) {
    public double tokensPerSecond() {
      return tokens / seconds;
    }

    /// The share of the machine's matrix-product rate.
    public double share() {
      return flops / seconds / matrixRate;
    }
  }

  /// The table has one row.
  ///
  /// @param layerDone called with the number of layers done
  /// @param shown takes the result
  public static Experiment experiment(
      EncoderConfig config,
      long tokens,
      RuntimeConfig runtime,
      IntConsumer layerDone,
      Consumer<Result> shown) {
    return new Experiment(
        "encode",
        "An encoder of 12 layers takes a million embeddings as one sequence within 20 GiB of memory.",
        List.of(SEED),
        _ -> {
          Result r = run(config, tokens, runtime, layerDone);
          shown.accept(r);
          return new ResultTable.Content(
              List.of(
                  Column.integer("layers", ""),
                  Column.integer("width", ""),
                  Column.integer("embeddings", ""),
                  Column.number("time", "s", 4),
                  Column.number("speed", "embeddings/s", 4),
                  Column.number("rate", "GFLOP/s", 4),
                  Column.number("of it attention", "%", 3),
                  Column.number("matrix products", "GFLOP/s", 4),
                  Column.number("share", "%", 3),
                  Column.integer("peak memory", "bytes")),
              List.of(
                  ResultTable.row(
                      config.layers(),
                      config.hidden(),
                      r.tokens(),
                      r.seconds(),
                      r.tokensPerSecond(),
                      r.flops() / r.seconds() / 1e9,
                      100 * r.attentionFlops() / r.flops(),
                      r.matrixRate() / 1e9,
                      100 * r.share(),
                      r.peakBytes())),
              List.of());
        });
  }

  /// @param layerDone called with the number of layers done
  /// @throws IllegalStateException when the check fails
  public static Result run(
      EncoderConfig config, long tokens, RuntimeConfig runtime, IntConsumer layerDone) {
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      torch.manual_seed(SEED);
      check(config, Math.min(tokens, CHECKED_TOKENS), runtime);
      return measured(config, tokens, runtime, layerDone);
    }
  }

  private static Result measured(
      EncoderConfig config, long tokens, RuntimeConfig runtime, IntConsumer layerDone) {
    double rate = MatrixRate.measure(runtime.precision(), runtime.device());
    try (PointerScope _ = new PointerScope();
        Encoder encoder = LoadedEncoder.random(config, runtime, SEED)) {
      Tensor x = torch.randn(tokens, config.hidden());
      long start = System.nanoTime();
      encoder.run(x, layerDone);
      encoder.outputNorm(x);
      boolean finite = encoder.mean(x).isfinite().all().item_bool();
      double seconds = (System.nanoTime() - start) * 1e-9;
      if (!finite) {
        throw new IllegalStateException("the encoder gave NaN or infinity");
      }
      double attention = attentionFlops(config, tokens);
      double c = config.hidden();
      double linear = 2.0 * tokens * config.layers() * (4 * c * c + 2 * c * config.feedForward());
      return new Result(
          tokens, seconds, linear + attention, attention, rate, ProcessMemory.peakResident());
    }
  }

  private static double attentionFlops(EncoderConfig config, long tokens) {
    AttentionPattern pattern = config.attention(tokens).pattern(false);
    double pairs = 0;
    for (int head = 0; head < config.heads(); head++) {
      pairs += pattern.pairs(head, config.heads(), tokens);
    }
    return 4.0 * config.headSize() * pairs * config.layers();
  }

  private static void check(EncoderConfig config, long tokens, RuntimeConfig runtime) {
    double[] norms = new double[2];
    try (PointerScope _ = new PointerScope()) {
      Tensor input = torch.randn(tokens, config.hidden());
      Tensor expected = encoded(config, input, runtime, AttentionChoice.LIBTORCH);
      Tensor actual = encoded(config, input, runtime, runtime.attentionKernel());
      norms[0] = actual.sub(expected).norm().item_double();
      norms[1] = expected.norm().item_double();
    }
    double tolerance =
        switch (runtime.precision()) {
          case FP32 -> TOLERANCE;
          case BF16 -> 0.05;
        };
    if (!(norms[0] <= tolerance * norms[1])) {
      throw new IllegalStateException(
          "two attention kernels differ by " + norms[0] / norms[1] + " on " + tokens + " tokens");
    }
  }

  private static Tensor encoded(
      EncoderConfig config, Tensor input, RuntimeConfig runtime, AttentionChoice kernel) {
    RuntimeConfig other =
        new RuntimeConfig(
            runtime.device(),
            runtime.precision(),
            runtime.threads(),
            kernel,
            false,
            runtime.tokenChunk(),
            runtime.lossChunk(),
            false);
    try (Encoder encoder = LoadedEncoder.random(config, other, SEED)) {
      Tensor x = input.clone();
      encoder.run(x, _ -> {});
      encoder.outputNorm(x);
      return x;
    }
  }
}
