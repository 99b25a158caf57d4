// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.attention.kernel.KernelChoice;
import java.util.Objects;

/// How a stream is computed; never what.
///
/// @param kernel vector kernels or their scalar twins; a forced choice never falls back
/// @param threads of a session, its caller's included
/// @param chunkTokens tokens that go through a layer together; longer inputs are cut
public record StreamOptions(KernelChoice kernel, int threads, int chunkTokens) {
  public StreamOptions {
    Objects.requireNonNull(kernel, "kernel");
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be positive: threads=" + threads);
    }
    if (chunkTokens < 1 || chunkTokens > 1 << 20) {
      throw new IllegalArgumentException(
          "chunk-tokens must be from 1 to 1048576: chunk-tokens=" + chunkTokens);
    }
  }

  /// The best kernels, one thread a processor, chunks of 4,096 tokens.
  public static StreamOptions defaults() {
    return new StreamOptions(KernelChoice.AUTO, Runtime.getRuntime().availableProcessors(), 4096);
  }

  public StreamOptions withThreads(int threads) {
    return new StreamOptions(kernel, threads, chunkTokens);
  }

  public StreamOptions withChunkTokens(int chunkTokens) {
    return new StreamOptions(kernel, threads, chunkTokens);
  }

  public StreamOptions withKernel(KernelChoice kernel) {
    return new StreamOptions(kernel, threads, chunkTokens);
  }
}
