// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.AttentionOutput;
import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.DilatedAttention;
import dev.longnet.attention.GradientMode;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.Workers;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.model.Span;
import dev.longnet.lm.torch.Scopes;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Tensors;
import dev.longnet.lm.torch.Torch;
import java.lang.ref.Reference;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The pure-Java kernels on libtorch's tensors: they read and write the tensors' own memory,
/// whatever its strides; nothing is copied or gathered. CPU, float32 or bfloat16. Any number of
/// threads may call one instance at once.
///
/// libtorch's idle threads spin for a while after a matrix product and take cores from these
/// kernels unless the environment tells them not to: see [Torch#load()].
public final class JavaAttentionOperator implements AttentionOperator {
  private final DilatedAttention attention;
  private final GradientMode gradients;

  public JavaAttentionOperator(DilatedAttention attention, GradientMode gradients) {
    Torch.load();
    this.attention = attention;
    this.gradients = gradients;
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    AttentionInputs.check(q, "k", k, "v", v);
    Tensor[] results =
        Scopes.tensors(() -> {
          Tensor out = dense(q);
          Tensor lse = Tensors.empty(ScalarType.Float, q, q.size(0), q.size(2), q.size(1));
          forward(q, k, v, new Output(out, lse));
          return new Tensor[] {out, lse};
        });
    return new Output(results[0], results[1]);
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    AttentionInputs.check(q, "k", k, "v", v, "out", into.out());
    attention.forward(
        new Qkv(view("q", q), view("k", k), view("v", v)),
        new AttentionOutput(view("out", into.out()), TensorMemory.of(into.lse())));
    Reference.reachabilityFence(q);
    Reference.reachabilityFence(k);
    Reference.reachabilityFence(v);
    Reference.reachabilityFence(into);
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    Tensor[] results =
        Scopes.tensors(() -> {
          Tensor[] gradients = {dense(q), dense(q), dense(q)};
          backward(
              q, k, v, output, gradOut, new Gradients(gradients[0], gradients[1], gradients[2]));
          return gradients;
        });
    return new Gradients(results[0], results[1], results[2]);
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    try (PointerScope scope = new PointerScope()) {
      Tensor dO = AttentionInputs.rows(gradOut);
      AttentionInputs.check(
          q,
          "k",
          k,
          "v",
          v,
          "out",
          output.out(),
          "gradOut",
          dO,
          "gradQ",
          into.gradQ(),
          "gradK",
          into.gradK(),
          "gradV",
          into.gradV());
      Tensor lse = output.lse().contiguous();
      attention.backward(
          new Qkv(view("q", q), view("k", k), view("v", v)),
          new AttentionOutput(view("out", output.out()), TensorMemory.of(lse)),
          view("gradOut", dO),
          new Qkv(
              view("gradQ", into.gradQ()),
              view("gradK", into.gradK()),
              view("gradV", into.gradV())),
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

  static Tensor dense(Tensor like) {
    return Tensors.empty(AttentionInputs.type(like), like, AttentionInputs.shape(like));
  }

  /// The tensor's memory as the kernels see it.
  static AttentionTensor view(String name, Tensor tensor) {
    ElementType type =
        switch (AttentionInputs.type(tensor)) {
          case Float -> ElementType.FLOAT32;
          case BFloat16 -> ElementType.BFLOAT16;
          default ->
              throw new IllegalArgumentException(
                  name
                      + " must be float32 or bfloat16 for the Java kernels: "
                      + AttentionInputs.type(tensor));
        };
    return new AttentionTensor(
        TensorMemory.of(tensor),
        type,
        tensor.size(0),
        tensor.size(1),
        Math.toIntExact(tensor.size(2)),
        Math.toIntExact(tensor.size(3)),
        tensor.stride(0),
        tensor.stride(1),
        tensor.stride(2));
  }
}
