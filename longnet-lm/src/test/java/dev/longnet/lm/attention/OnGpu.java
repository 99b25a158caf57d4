// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.lm.model.AttentionOperator;
import java.util.Arrays;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// An operator that computes on a GPU; inputs and results are the CPU's.
record OnGpu(AttentionOperator operator) implements AttentionOperator {
  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    Output output = operator.forward(gpu(q), gpu(k), gpu(v));
    return new Output(output.out().cpu(), output.lse().cpu());
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    Output there = new Output(gpu(output.out()), gpu(output.lse()));
    Gradients g = operator.backward(gpu(q), gpu(k), gpu(v), there, gpu(gradOut));
    return new Gradients(g.gradQ().cpu(), g.gradK().cpu(), g.gradV().cpu());
  }

  /// With the strides it has.
  private static Tensor gpu(Tensor x) {
    long[] shape = AttentionInputs.shape(x);
    long[] strides = new long[shape.length];
    Arrays.setAll(strides, x::stride);
    boolean expanded = Arrays.stream(strides).anyMatch(stride -> stride == 0);
    if (x.numel() == 0 || x.is_contiguous() || expanded) {
      return x.cuda();
    }
    long span = 1;
    for (int i = 0; i < shape.length; i++) {
      span += (shape[i] - 1) * strides[i];
    }
    Tensor there =
        torch.empty(span).to(x.scalar_type()).cuda().as_strided(shape, strides, new LongOptional());
    return there.copy_(x);
  }

  @Override
  public String describe() {
    return operator.describe();
  }
}
