// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.core.stream.StreamOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How a command that streams computes: in plain Java, on the CPU.
final class StreamComputeOptions {
  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads of the CPU (default: one a core).")
  @Nullable Integer threads;

  @Option(
      names = "--kernel",
      paramLabel = "KERNEL",
      description =
          "auto, simd or scalar; a forced one never falls back (default: ${DEFAULT-VALUE}).")
  KernelChoice kernel = KernelChoice.AUTO;

  @Option(
      names = "--chunk-tokens",
      paramLabel = "N",
      description =
          "Tokens that pass a layer together when a text is read (default: ${DEFAULT-VALUE}).")
  int chunkTokens = StreamOptions.defaults().chunkTokens();

  StreamOptions options() {
    StreamOptions options =
        StreamOptions.defaults().withKernel(kernel).withChunkTokens(chunkTokens);
    return threads == null ? options : options.withThreads(threads);
  }
}
