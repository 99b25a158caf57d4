package dev.longnet.attention.kernel;

import java.util.Objects;

/// How to compute; never what.
///
/// @param kernel which kernel; a forced one never falls back
/// @param threads how many threads a call may use, the caller's included; the result has the same
///   bits for every number
/// @param vectorBits width of the vector kernel's registers: 128, 256, 512, or 0 for the machine's
///   preferred one
/// @param products what multiplies bfloat16 matrices, or null: then all is done in vector loops. P
///   and dS are rounded to bfloat16 on the way, sums stay float32. Only the vector kernel uses it
public record AttentionOptions(
    KernelChoice kernel, int threads, int vectorBits, BfloatProducts products) {
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
        KernelChoice.AUTO, Runtime.getRuntime().availableProcessors(), 0, null);
  }

  public AttentionOptions withKernel(KernelChoice kernel) {
    return new AttentionOptions(kernel, threads, vectorBits, products);
  }

  public AttentionOptions withThreads(int threads) {
    return new AttentionOptions(kernel, threads, vectorBits, products);
  }

  public AttentionOptions withVectorBits(int vectorBits) {
    return new AttentionOptions(kernel, threads, vectorBits, products);
  }

  public AttentionOptions withProducts(BfloatProducts products) {
    return new AttentionOptions(kernel, threads, vectorBits, products);
  }
}
