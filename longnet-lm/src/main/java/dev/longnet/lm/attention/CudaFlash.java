// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.lm.torch.Operator;
import java.util.Arrays;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// libtorch's CUDA flash kernel: float16 and bfloat16, D a multiple of 8 up to 256, compute
/// capability 8.0 or newer.
record CudaFlash() implements FlashKernel {
  private static final Operator FORWARD =
      Operator.named("aten::_scaled_dot_product_flash_attention");
  private static final Operator BACKWARD =
      Operator.named("aten::_scaled_dot_product_flash_attention_backward");

  /// The kernel's grid has no room for more; segments of a branch are its sequences.
  private static final long MOST_SEQUENCES = 65_535;

  @Override
  public ScalarType computeType(ScalarType type) {
    return type;
  }

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, boolean causal) {
    return pieces(
        2, x -> FORWARD.call(x[0], x[1], x[2], 0.0, causal, false, Optional.empty()), q, k, v);
  }

  /// The kernel takes lse by its address alone, so it must be contiguous; lengths of packed
  /// sequences and the random state of a dropout that does not happen are undefined tensors.
  @Override
  public Tensor[] backward(
      Tensor gradOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal) {
    Tensor none = new Tensor();
    return pieces(
        3,
        x ->
            BACKWARD.call(
                x[0],
                x[1],
                x[2],
                x[3],
                x[4],
                x[5],
                none,
                none,
                q.size(2),
                k.size(2),
                0.0,
                causal,
                none,
                none,
                Optional.empty()),
        gradOut,
        q,
        k,
        v,
        out,
        lse.contiguous());
  }

  /// Cut along the first dimension; the first `results` of what the calls give, put together again.
  private static Tensor[] pieces(int results, UnaryOperator<Tensor[]> call, Tensor... x) {
    long sequences = x[0].size(0);
    if (sequences <= MOST_SEQUENCES) {
      return Arrays.copyOf(call.apply(x), results);
    }
    TensorVector[] parts = new TensorVector[results];
    Arrays.setAll(parts, i -> new TensorVector());
    for (long from = 0; from < sequences; from += MOST_SEQUENCES) {
      long first = from;
      long count = Math.min(MOST_SEQUENCES, sequences - from);
      Tensor[] own =
          call.apply(Arrays.stream(x).map(t -> t.narrow(0, first, count)).toArray(Tensor[]::new));
      for (int i = 0; i < results; i++) {
        parts[i].push_back(own[i]);
      }
    }
    return Arrays.stream(parts).map(part -> torch.cat(part, 0)).toArray(Tensor[]::new);
  }
}
