// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.lm.torch.OneBlasThread;
import dev.longnet.lm.torch.Operator;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// libtorch's CPU flash kernel. It reads and writes strides as they are.
record CpuFlash() implements FlashKernel {
  private static final Operator FORWARD =
      Operator.named("aten::_scaled_dot_product_flash_attention_for_cpu");
  private static final Operator BACKWARD =
      Operator.named("aten::_scaled_dot_product_flash_attention_for_cpu_backward");

  /// In bfloat16 and float16 this kernel takes a path some thirty times slower than float32.
  @Override
  public ScalarType computeType(ScalarType type) {
    return ScalarType.Float;
  }

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, boolean causal) {
    try (OneBlasThread one = OneBlasThread.hold()) {
      return FORWARD.call(q, k, v, 0.0, causal, Optional.empty(), Optional.empty());
    }
  }

  @Override
  public Tensor[] backward(
      Tensor gradOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal) {
    try (OneBlasThread one = OneBlasThread.hold()) {
      return BACKWARD.call(
          gradOut, q, k, v, out, lse, 0.0, causal, Optional.empty(), Optional.empty());
    }
  }
}
