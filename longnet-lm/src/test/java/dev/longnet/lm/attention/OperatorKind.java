// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.kernel.AttentionOptions;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.Torch;
import java.util.stream.Stream;

/// The kinds of attention operators that keep the same promises.
enum OperatorKind {
  SIMD,
  SCALAR,
  /// bfloat16 through libtorch's products of matrices.
  MATRIX,
  FLASH,
  PLAIN,
  /// The libtorch operator on a GPU; inputs and results are the CPU's.
  CUDA;

  /// Every kind this machine can run.
  static Stream<OperatorKind> all() {
    return Stream.of(values())
        .filter(kind ->
            switch (kind) {
              case MATRIX -> AttentionOperators.bfloatProducts().isPresent();
              case CUDA -> Torch.hasCuda();
              default -> true;
            });
  }

  AttentionOperator of(AttentionPattern pattern, GradientMode mode) {
    AttentionOptions options = AttentionOptions.defaults().withThreads(2);
    return switch (this) {
      case SIMD ->
          new JavaAttentionOperator(
              DilatedAttention.of(pattern, options.withKernel(KernelChoice.SIMD)), mode);
      case SCALAR ->
          new JavaAttentionOperator(
              DilatedAttention.of(pattern, options.withKernel(KernelChoice.SCALAR)), mode);
      case MATRIX ->
          new JavaAttentionOperator(
              DilatedAttention.of(
                  pattern, options.withProducts(AttentionOperators.bfloatProducts().orElseThrow())),
              mode);
      case FLASH -> new TorchAttentionOperator(pattern, mode);
      case PLAIN -> new TorchAttentionOperator(pattern, mode, q -> new PlainFlash());
      case CUDA -> new OnGpu(new TorchAttentionOperator(pattern, mode));
    };
  }
}
