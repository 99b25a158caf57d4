// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.attention.AttentionTensor;
import dev.longnet.attention.Qkv;
import dev.longnet.attention.kernel.ElementType;
import dev.longnet.lm.model.AttentionOperator;
import dev.longnet.lm.torch.Scopes;
import dev.longnet.lm.torch.TensorMemory;
import dev.longnet.lm.torch.Tensors;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// Operators of the Java kernels, which read and write the tensors' own memory: what gives new
/// tensors is allocated here and filled by what takes the caller's.
interface JavaKernelOperator extends AttentionOperator {
  @Override
  default Output forward(Tensor q, Tensor k, Tensor v) {
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
  void forward(Tensor q, Tensor k, Tensor v, Output into);

  @Override
  default Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
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
  void backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into);

  private static Tensor dense(Tensor like) {
    return Tensors.empty(AttentionInputs.type(like), like, AttentionInputs.shape(like));
  }

  /// The memory of queries, keys and values as the kernels see it.
  static Qkv inputs(Tensor q, Tensor k, Tensor v) {
    return new Qkv(view("q", q), view("k", k), view("v", v));
  }

  /// The same of their gradients.
  static Qkv gradients(Gradients into) {
    return new Qkv(
        view("gradQ", into.gradQ()), view("gradK", into.gradK()), view("gradV", into.gradV()));
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
