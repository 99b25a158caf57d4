// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.javacpp.BoolPointer;
import org.bytedeco.pytorch.T_TensorTensorTensor_T;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// LayerNorm over the last dimension with statistics in float32; torchscale's epsilon 1e-5.
final class Norm implements AutoCloseable {
  static final double EPSILON = 1e-5;

  private final Parameters parameters;
  private final String name;
  private final long[] width;
  private final TensorOptional weight;
  private final TensorOptional bias;
  private final BoolPointer everything;

  Norm(Parameters parameters, String name) {
    this.parameters = parameters;
    this.name = name;
    this.width = new long[] {parameters.value(name + ".weight").numel()};
    this.weight = new TensorOptional(parameters.value(name + ".weight")).retainReference();
    this.bias = new TensorOptional(parameters.value(name + ".bias")).retainReference();
    this.everything = new BoolPointer(3).retainReference();
    everything.put(0, true).put(1, true).put(2, true);
  }

  /// What the backward pass needs again; belongs to the scope it was made in.
  record Result(Tensor out, Tensor mean, Tensor reciprocalDeviation) {}

  /// @param x [n, width]
  Result forward(Tensor x) {
    T_TensorTensorTensor_T result = torch.native_layer_norm(taken(x), width, weight, bias, EPSILON);
    return new Result(
        Types.cast(result.get0(), x.scalar_type().intern()), result.get1(), result.get2());
  }

  /// Adds the parameters' gradients; returns the input's [n, width].
  Tensor backward(Tensor gradOut, Tensor x, Result forward) {
    T_TensorTensorTensor_T result =
        torch.native_layer_norm_backward(
            taken(gradOut),
            taken(x),
            width,
            forward.mean,
            forward.reciprocalDeviation,
            weight,
            bias,
            everything);
    parameters.gradient(name + ".weight").add_(result.get1());
    parameters.gradient(name + ".bias").add_(result.get2());
    return Types.cast(result.get0(), x.scalar_type().intern());
  }

  /// On GPUs libtorch's kernel takes rows of the weights' type alone, float32.
  private static Tensor taken(Tensor x) {
    return x.is_cuda() ? Types.cast(x, ScalarType.Float) : x;
  }

  @Override
  public void close() {
    weight.deallocate();
    bias.deallocate();
    everything.deallocate();
  }
}
