package dev.longnet.lm.attention;

import dev.longnet.lm.torch.Operator;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// libtorch's CUDA flash kernel: float16 and bfloat16, D a multiple of 8 up to 256, compute capability 8.0 or newer.
record CudaFlash() implements FlashKernel {
  private static final Operator FORWARD = Operator.named("aten::_scaled_dot_product_flash_attention");
  private static final Operator BACKWARD = Operator.named("aten::_scaled_dot_product_flash_attention_backward");

  @Override
  public ScalarType computeType(ScalarType type) {
    return type;
  }

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, boolean causal) {
    Tensor[] results = FORWARD.call(q, k, v, 0.0, causal, false, Optional.empty());
    return new Tensor[] {results[0], results[1]};
  }

  /// The kernel takes lse by its address alone, so it must be contiguous; lengths of packed sequences and the random state
  /// of a dropout that does not happen are undefined tensors.
  @Override
  public Tensor[] backward(Tensor gradOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal) {
    Tensor none = new Tensor();
    return BACKWARD.call(gradOut, q, k, v, out, lse.contiguous(), none, none, q.size(2), k.size(2), 0.0, causal,
        none, none, Optional.empty());
  }
}
