// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Flash attention as libtorch offers it for one device and type. Shapes: q, gradOut, out [b, H, n,
/// D], k and v [b, H, m, D], lse [b, H, n]; any strides with a contiguous last dimension. Scores
/// are q·k / sqrt(D). `causal`: n = m, and query i sees keys 0 to i.
sealed interface FlashKernel permits CpuFlash, CudaFlash, PlainFlash {

  /// The kernel for these tensors' device and type.
  static FlashKernel of(Tensor q) {
    if (!q.is_cuda()) {
      return new CpuFlash();
    }
    ScalarType type = AttentionInputs.type(q);
    boolean half = type == ScalarType.BFloat16 || type == ScalarType.Half;
    return half && q.size(3) % 8 == 0 && q.size(3) <= 256 ? new CudaFlash() : new PlainFlash();
  }

  /// The type it computes with for inputs of `type`.
  ScalarType computeType(ScalarType type);

  /// @return out and lse
  Tensor[] forward(Tensor q, Tensor k, Tensor v, boolean causal);

  /// P = exp(q·k / sqrt(D) - lse), delta = sum_d gradOut out: given joint values it returns a
  /// branch's share of the joint gradient.
  ///
  /// @return gradients of q, k, v
  Tensor[] backward(
      Tensor gradOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal);
}
