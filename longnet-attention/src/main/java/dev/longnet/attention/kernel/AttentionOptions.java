// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.util.Objects;
import org.jspecify.annotations.Nullable;

/// How attention is computed. Options change speed and rounding, not what is computed.
///
/// @param kernel which kernel; a forced one never falls back
/// @param threads how many threads a call may use, the caller's included; the result has the same
///   bits for every number
/// @param vectorBits width of the vector kernel's registers: 128, 256, 512, or 0 for the machine's
///   preferred one
/// @param products the unit by which the vector kernel multiplies bfloat16 matrices. It then rounds
///   P and dS to bfloat16 and keeps sums in float32. With null it computes in vector loops alone
/// @param branchTimer takes the time of each branch; with null nothing is timed
public record AttentionOptions(
    KernelChoice kernel,
    int threads,
    int vectorBits,
    @Nullable BfloatProducts products,
    @Nullable BranchTimer branchTimer) {
  public AttentionOptions {
    Objects.requireNonNull(kernel, "kernel");
    if (threads < 1) {
      throw new IllegalArgumentException("threads must be positive: threads=" + threads);
    }
    if (vectorBits != 0 && vectorBits != 128 && vectorBits != 256 && vectorBits != 512) {
      throw new IllegalArgumentException(
          "vectorBits must be 0, 128, 256 or 512: vectorBits=" + vectorBits);
    }
  }

  /// The best kernel, one thread per processor.
  public static AttentionOptions defaults() {
    return new AttentionOptions(
        KernelChoice.AUTO, Runtime.getRuntime().availableProcessors(), 0, null, null);
  }

  public AttentionOptions withKernel(KernelChoice kernel) {
    return new AttentionOptions(kernel, threads, vectorBits, products, branchTimer);
  }

  public AttentionOptions withThreads(int threads) {
    return new AttentionOptions(kernel, threads, vectorBits, products, branchTimer);
  }

  public AttentionOptions withVectorBits(int vectorBits) {
    return new AttentionOptions(kernel, threads, vectorBits, products, branchTimer);
  }

  public AttentionOptions withProducts(@Nullable BfloatProducts products) {
    return new AttentionOptions(kernel, threads, vectorBits, products, branchTimer);
  }

  public AttentionOptions withBranchTimer(@Nullable BranchTimer branchTimer) {
    return new AttentionOptions(kernel, threads, vectorBits, products, branchTimer);
  }
}
