// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Workers;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Torch;
import java.lang.ref.Reference;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;

/// The pure-Java kernels on libtorch's tensors: they read and write the tensors' own memory,
/// whatever its strides; nothing is copied or gathered. CPU, float32 or bfloat16. Any number of
/// threads may call one instance at once.
///
/// libtorch's idle threads spin for a while after a matrix product and take cores from these
/// kernels unless the environment tells them not to: see [Torch#load()].
public final class JavaAttentionOperator implements JavaKernelOperator {
  private final DilatedAttention attention;
  private final GradientMode gradients;

  public JavaAttentionOperator(DilatedAttention attention, GradientMode gradients) {
    Torch.load();
    this.attention = attention;
    this.gradients = gradients;
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    AttentionInputs.check(q, "k", k, "v", v, "out", into.out());
    attention.forward(
        JavaKernelOperator.inputs(q, k, v),
        new AttentionOutput(
            JavaKernelOperator.view("out", into.out()), TensorMemory.of(into.lse())));
    Reference.reachabilityFence(q);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    Reference.reachabilityFence(into);
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    try (PointerScope scope = new PointerScope()) {
      Tensor dO = AttentionInputs.rows(gradOut);
      AttentionInputs.check(q, "k", k, "v", v);
      AttentionInputs.checkGradients(q, output, dO, into);
      Tensor lse = output.lse().contiguous();
      attention.backward(
          JavaKernelOperator.inputs(q, k, v),
          new AttentionOutput(JavaKernelOperator.view("out", output.out()), TensorMemory.of(lse)),
          JavaKernelOperator.view("gradOut", dO),
          JavaKernelOperator.gradients(into),
          gradients);
    }
    Reference.reachabilityFence(q);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    Reference.reachabilityFence(output);
    Reference.reachabilityFence(gradOut);
    Reference.reachabilityFence(into);
  }

  @Override
  public void release() {
    attention.release();
  }

  @Override
  public AttentionOperator over(Span span) {
    span.requireWholeSegments(attention.pattern().period());
    return this;
  }

  @Override
  public AttentionOperator on(Workers workers) {
    return new JavaAttentionOperator(attention.on(workers), gradients);
  }

  @Override
  public String describe() {
    return "java: " + attention.describe();
  }
}
