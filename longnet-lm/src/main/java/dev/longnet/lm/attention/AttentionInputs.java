// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import dev.longnet.lm.model.AttentionOperator;
import java.util.Arrays;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The checks that attention operators make once per call.
final class AttentionInputs {
  private AttentionInputs() {}

  static void check(Tensor q, Object... namesAndTensors) {
    check("q", q);
    for (int i = 0; i < namesAndTensors.length; i += 2) {
      String name = (String) namesAndTensors[i];
      Tensor tensor = (Tensor) namesAndTensors[i + 1];
      check(name, tensor);
      if (!Arrays.equals(shape(tensor), shape(q))) {
        throw new IllegalArgumentException(
            name
                + " must have the shape of q, "
                + Arrays.toString(shape(q))
                + ": "
                + Arrays.toString(shape(tensor)));
      }
      if (type(tensor) != type(q) || tensor.is_cuda() != q.is_cuda()) {
        throw new IllegalArgumentException(
            name + " must have the type and device of q, " + kind(q) + ": " + kind(tensor));
      }
    }
  }

  /// Checks what a backward pass takes besides q, k and v, and where its results go.
  static void checkGradients(
      Tensor q, AttentionOperator.Output output, Tensor gradOut, AttentionOperator.Gradients into) {
    check(
        q,
        "out",
        output.out(),
        "gradOut",
        gradOut,
        "gradQ",
        into.gradQ(),
        "gradK",
        into.gradK(),
        "gradV",
        into.gradV());
  }

  private static void check(String name, Tensor tensor) {
    if (tensor.dim() != 4 || tensor.size(2) == 0 || tensor.size(3) == 0) {
      throw new IllegalArgumentException(
          name
              + " must be [batch, tokens, heads, head size], the last two positive: "
              + Arrays.toString(shape(tensor)));
    }
    if (tensor.size(3) > 1 && tensor.stride(3) != 1 && tensor.numel() > 0) {
      throw new IllegalArgumentException(
          name + " must be contiguous in its last dimension: stride=" + tensor.stride(3));
    }
  }

  /// Autograd gives gradients of any strides, expanded ones too.
  static Tensor rows(Tensor gradient) {
    return gradient.size(3) == 1 || gradient.stride(3) == 1 ? gradient : gradient.contiguous();
  }

  static ScalarType type(Tensor tensor) {
    return tensor.scalar_type().intern();
  }

  static long[] shape(Tensor tensor) {
    long[] shape = new long[(int) tensor.dim()];
    Arrays.setAll(shape, tensor::size);
    return shape;
  }

  private static String kind(Tensor tensor) {
    return type(tensor) + " on " + (tensor.is_cuda() ? "a GPU" : "the CPU");
  }
}
