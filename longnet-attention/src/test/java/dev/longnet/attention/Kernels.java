// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.kernel.PlainProducts;
import java.util.ArrayList;
import java.util.List;

/// Every kernel and vector shape that tests run.
final class Kernels {
  private Kernels() {}

  static List<AttentionOptions> all() {
    AttentionOptions simd =
        AttentionOptions.defaults().withKernel(KernelChoice.SIMD).withThreads(2);
    return List.of(
        simd.withKernel(KernelChoice.SCALAR),
        simd.withVectorBits(128),
        simd.withVectorBits(256),
        simd.withVectorBits(512));
  }

  /// Also those that only this element type has.
  static List<AttentionOptions> all(ElementType type) {
    List<AttentionOptions> kernels = new ArrayList<>(all());
    if (type == ElementType.BFLOAT16) {
      kernels.addAll(List.of(matrix(128), matrix(256), matrix(512)));
    }
    return kernels;
  }

  /// bfloat16 in products of matrices where a segment has so many keys, else in vector loops.
  static AttentionOptions matrixFrom(int leastKeys) {
    return matrix(256).withProducts(new PlainProducts(leastKeys));
  }

  /// bfloat16 folded in products of matrices.
  static AttentionOptions matrix(int bits) {
    return AttentionOptions.defaults()
        .withThreads(2)
        .withVectorBits(bits)
        .withProducts(new PlainProducts());
  }
}
