package dev.longnet.attention;

import java.util.List;

/// Every kernel and vector shape that tests run.
final class Kernels {
  private Kernels() {}

  static List<AttentionOptions> all() {
    AttentionOptions simd = AttentionOptions.defaults().withKernel(KernelChoice.SIMD).withThreads(2);
    return List.of(simd.withKernel(KernelChoice.SCALAR), simd.withVectorBits(128), simd.withVectorBits(256),
        simd.withVectorBits(512));
  }
}
