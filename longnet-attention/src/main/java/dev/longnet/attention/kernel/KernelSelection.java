package dev.longnet.attention.kernel;

import dev.longnet.attention.AttentionOptions;

/// Chooses the kernel once.
final class KernelSelection {
  private KernelSelection() {}

  static AttentionKernel select(AttentionOptions options) {
    return switch (options.kernel()) {
      case SCALAR, AUTO -> new ScalarKernel();
      case SIMD -> throw new IllegalStateException("not yet");
    };
  }
}
