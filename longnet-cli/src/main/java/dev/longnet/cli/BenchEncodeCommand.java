// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.experiments.encode.EncoderBenchmark;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/// `longnet bench encode`: one long sequence through an encoder.
@Command(
    name = "encode",
    description = {
      "Encodes one sequence of random vectors with random weights; by default 1,048,576 of "
          + "them in LongViT-small's shape",
      "with the segments LongViT uses for that many."
    },
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "Example:",
      "  longnet bench encode --tokens 65536 --segment-lengths 1024,4096,8192,16384,65536"
    })
final class BenchEncodeCommand implements Callable<Integer> {
  @Spec CommandSpec spec;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "Length of the sequence (default: ${DEFAULT-VALUE}).")
  long tokens = 1 << 20;

  @Option(names = "--layers", paramLabel = "L", description = "Default: ${DEFAULT-VALUE}.")
  int layers = 12;

  @Option(names = "--hidden", paramLabel = "C", description = "Default: ${DEFAULT-VALUE}.")
  int hidden = 384;

  @Option(names = "--heads", paramLabel = "H", description = "Default: ${DEFAULT-VALUE}.")
  int heads = 16;

  @Option(
      names = "--segment-lengths",
      paramLabel = "LIST",
      split = ",",
      description = "Default: ${DEFAULT-VALUE}.")
  List<Long> segmentLengths = List.of(1024L, 4096L, 32768L, 262144L, 1048576L);

  @Option(
      names = "--dilations",
      paramLabel = "LIST",
      split = ",",
      description = "Default: ${DEFAULT-VALUE}.")
  List<Long> dilations = List.of(1L, 2L, 4L, 8L, 16L);

  @Mixin ComputeOptions compute;

  @Mixin ResultOptions results;

  @Override
  public Integer call() throws IOException {
    results.check();
    if (tokens < 1) {
      throw new IllegalArgumentException("--tokens must be positive: --tokens=" + tokens);
    }
    EncoderConfig config =
        new EncoderConfig(
            layers,
            hidden,
            heads,
            Math.multiplyExact(4, hidden),
            Activation.GELU,
            true,
            new SegmentLengths.Fixed(segmentLengths),
            dilations,
            HeadOffsets.BLOCKED,
            false,
            Optional.empty(),
            false,
            new EncoderConfig.InputPositions.None(),
            Optional.empty(),
            Optional.empty());
    PrintWriter out = spec.commandLine().getOut();
    long start = System.nanoTime();
    results.run(
        EncoderBenchmark.experiment(
            config,
            tokens,
            compute.runtime(),
            done -> {
              if (done > 0) {
                out.printf(
                    Locale.ROOT,
                    "layer %d of %d after %.1f s%n",
                    done,
                    layers,
                    (System.nanoTime() - start) * 1e-9);
                out.flush();
              }
            },
            result -> show(out, result)),
        spec);
    return 0;
  }

  private void show(PrintWriter out, EncoderBenchmark.Result result) {
    out.printf(
        Locale.ROOT,
        "encoder        %d layers, %d wide, %d heads, segments %s, dilations %s%n",
        layers,
        hidden,
        heads,
        segmentLengths,
        dilations);
    out.printf(
        Locale.ROOT,
        "time           %.1f s for %,d vectors, %,.0f a second%n",
        result.seconds(),
        tokens,
        result.tokensPerSecond());
    out.printf(
        Locale.ROOT,
        "rate           %.1f GFLOP/s (%.0f %% of them attention), %.0f %% of this run's matrix products at %.1f%n",
        result.flops() / result.seconds() * 1e-9,
        100 * result.attentionFlops() / result.flops(),
        100 * result.share(),
        result.matrixRate() * 1e-9);
    result
        .peakBytes()
        .ifPresent(bytes ->
            out.printf(
                Locale.ROOT,
                "memory         %.2f GiB resident at most%n",
                bytes / (double) (1L << 30)));
    out.flush();
  }
}
