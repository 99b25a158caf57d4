// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.BfloatProducts;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.io.DType;
import dev.longnet.core.io.SafetensorsFile;
import dev.longnet.core.io.SafetensorsWriter;
import dev.longnet.core.io.TensorEntry;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/// `longnet attend`: the operator on a file's tensors.
@Command(
    name = "attend",
    description = "Computes dilated attention of the tensors in a file, and its gradients.",
    mixinStandardHelpOptions = true,
    footer = {
      "",
      "IN holds q, k, v (and grad_out), each [batch, tokens, heads, head size] in F32, BF16, "
          + "F16 or F64. Its metadata holds",
      "segment_lengths and dilation_ratios (JSON lists), causal and head_offsets; options "
          + "override them. OUT gets out and",
      "lse [batch, heads, tokens], and grad_q, grad_k, grad_v, in F32.",
      "",
      "Examples:",
      "  longnet attend in.safetensors --out out.safetensors",
      "  longnet attend in.safetensors --out out.safetensors --gradients --kernel scalar",
      "  longnet attend in.safetensors --out out.safetensors --segment-lengths 2048,8192 "
          + "--dilation-ratios 1,4 --causal true"
    })
final class AttendCommand implements Callable<Integer> {
  /// Which implementation; a forced one never falls back.
  enum Kernel {
    AUTO,
    SCALAR,
    SIMD,
    MATRIX,
    TORCH
  }

  @Spec CommandSpec spec;

  @Parameters(paramLabel = "IN", description = "A safetensors file with q, k and v.")
  Path in;

  @Option(
      names = "--out",
      required = true,
      paramLabel = "OUT",
      description = "The safetensors file to write.")
  Path out;

  @Option(
      names = "--gradients",
      description = "Also the gradients of q, k and v, from the file's grad_out.")
  boolean gradients;

  @Option(
      names = "--detached-weights",
      description =
          "Gradients with the branches' mixing weights held constant, as torchscale has them. Implies --gradients.")
  boolean detachedWeights;

  @Option(
      names = "--kernel",
      paramLabel = "KERNEL",
      description = {
        "auto, scalar, simd, matrix or torch (default: auto, the faster of scalar and simd that runs here).",
        "matrix: BF16 tensors through the processor's matrix units (AMX, Zen 4's AVX-512 BF16), weights rounded to BF16."
      })
  Kernel kernel = Kernel.AUTO;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads to use (default: one a core).")
  int threads = Runtime.getRuntime().availableProcessors();

  @Option(
      names = "--segment-lengths",
      split = ",",
      paramLabel = "W",
      description = "Segment length of each branch, in tokens.")
  long[] segmentLengths;

  @Option(
      names = "--dilation-ratios",
      split = ",",
      paramLabel = "R",
      description = "Dilation of each branch.")
  long[] dilationRatios;

  @Option(
      names = "--causal",
      arity = "0..1",
      fallbackValue = "true",
      paramLabel = "true|false",
      description = "Whether a query sees only keys up to its own position.")
  @Nullable Boolean causal;

  @Option(
      names = "--head-offsets",
      paramLabel = "RULE",
      description = "interleaved (the paper) or blocked (torchscale).")
  @Nullable HeadOffsets headOffsets;

  @Override
  public Integer call() throws IOException {
    if (threads < 1) {
      throw new IllegalArgumentException("--threads must be positive: threads=" + threads);
    }
    try (SafetensorsFile file = SafetensorsFile.open(in);
        Arena arena = Arena.ofShared()) {
      AttentionSettings flags =
          new AttentionSettings(segmentLengths, dilationRatios, causal, headOffsets);
      AttentionSettings settings =
          of(in, () -> flags.orElse(AttentionSettings.read(flags.without(file.metadata()))));
      // What the flags alone say is their mistake, not the file's.
      DilatedAttentionSpec pattern =
          flags.saysBranches() ? settings.spec() : of(in, settings::spec);
      AttentionInput input = of(in, () -> AttentionInput.read(file, gradients || detachedWeights));
      if (kernel == Kernel.MATRIX) {
        requireBfloats(input);
      }
      GradientMode mode = detachedWeights ? GradientMode.DETACHED_WEIGHTS : GradientMode.EXACT;
      long start = System.nanoTime();
      AttentionRun run = run(pattern, mode);
      List<TensorEntry> results = run.compute(input, arena);
      double seconds = (System.nanoTime() - start) / 1e9;
      results.forEach(this::requireNumbers);
      Map<String, String> metadata = AttentionSettings.metadata(pattern);
      metadata.put("kernel", run.kernel());
      SafetensorsWriter.write(out, metadata, results);
      spec.commandLine()
          .getOut()
          .printf(
              Locale.ROOT,
              "%s of %s in %.3f s (%s) -> %s%n",
              String.join(", ", results.stream().map(TensorEntry::name).toList()),
              Arrays.toString(input.q().shape()),
              seconds,
              run.kernel(),
              out);
      spec.commandLine().getOut().flush();
    }
    return 0;
  }

  private static <T> T of(Path file, Supplier<T> read) {
    try {
      return read.get();
    } catch (IllegalArgumentException e) {
      String message = String.valueOf(e.getMessage());
      throw new IllegalArgumentException(
          message.startsWith(file + ": ") ? message : file + ": " + message, e);
    }
  }

  /// Finite inputs can be too large: their scores leave float32's range. Only lse may be infinite,
  /// where a query sees no key.
  private void requireNumbers(TensorEntry result) {
    boolean lse = result.name().equals("lse");
    for (long i = 0; i < result.elements(); i++) {
      float value = result.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
      if (!Float.isFinite(value) && !(lse && value == Float.NEGATIVE_INFINITY)) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: the scores of q and k, or their gradients, leave float32's range: %s[%d]=%s",
                in,
                result.name(),
                i,
                value));
      }
    }
  }

  private void requireBfloats(AttentionInput input) {
    for (TensorEntry entry :
        Stream.of(input.q(), input.k(), input.v(), input.gradOut())
            .filter(Objects::nonNull)
            .toList()) {
      if (entry.type() != DType.BF16 || entry.shape()[3] % BfloatProducts.HEAD_SIZE != 0) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "%s: --kernel matrix takes BF16 tensors whose head size is a multiple of %d: %s is %s %s",
                in,
                BfloatProducts.HEAD_SIZE,
                entry.name(),
                entry.type(),
                Arrays.toString(entry.shape())));
      }
    }
  }

  private AttentionRun run(DilatedAttentionSpec pattern, GradientMode mode) {
    AttentionOptions options = AttentionOptions.defaults().withThreads(threads);
    return switch (kernel) {
      case AUTO -> AttentionRun.java(pattern, options, mode);
      case SCALAR -> AttentionRun.java(pattern, options.withKernel(KernelChoice.SCALAR), mode);
      case SIMD -> AttentionRun.java(pattern, options.withKernel(KernelChoice.SIMD), mode);
      case MATRIX -> AttentionRun.matrix(pattern, options, mode);
      case TORCH -> AttentionRun.torch(pattern, threads, mode);
    };
  }
}
