// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.RuntimeConfig.Precision;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.jspecify.annotations.Nullable;

/// y = x W^T + b, in the model's precision, and its backward pass, written out because it then
/// needs no graph and adds straight into the gradients. With bfloat16 it holds rounded copies of W
/// and b (see [#prepare()]).
final class Linear implements AutoCloseable {
  private final Parameters parameters;
  private final String weightName;
  private final String biasName;
  private final Tensor weight;
  private final @Nullable Tensor bias;

  /// W and b in the type of the products: the parameters themselves, or copies of this class.
  private final Tensor operand;

  private final @Nullable Tensor biasOperand;

  Linear(Parameters parameters, String name, boolean hasBias, Precision precision) {
    this.parameters = parameters;
    this.weightName = name + ".weight";
    this.biasName = name + ".bias";
    this.weight = parameters.value(weightName);
    this.bias = hasBias ? parameters.value(biasName) : null;
    boolean rounded = precision != Precision.FP32;
    operand = rounded ? weight.to(Types.product(precision)).retainReference() : weight;
    biasOperand =
        rounded && bias != null ? bias.to(Types.product(precision)).retainReference() : bias;
  }

  /// Takes over changed parameters.
  void prepare() {
    if (operand != weight) {
      operand.copy_(weight);
      if (bias != null && biasOperand != null) {
        biasOperand.copy_(bias);
      }
    }
  }

  /// @param x [n, in] in the products' type
  /// @param out [n, out], overwritten
  void forward(Tensor x, Tensor out) {
    if (biasOperand == null) {
      torch.mm_out(out, x, operand.t());
    } else {
      torch.addmm_out(out, biasOperand, x, operand.t());
    }
  }

  /// Adds the parameters' gradients.
  ///
  /// @param x the forward pass's input [n, in]
  /// @param gradOut [n, out] in the products' type
  void backwardParameters(Tensor x, Tensor gradOut) {
    try (PointerScope _ = new PointerScope()) {
      Tensor gradient = parameters.gradient(weightName);
      if (operand == weight) {
        gradient.addmm_(gradOut.t(), x);
      } else {
        gradient.add_(torch.mm(gradOut.t(), x));
      }
      if (bias != null) {
        parameters.gradient(biasName).add_(torch.sum(gradOut, new long[] {0}, false, Types.FLOAT));
      }
    }
  }

  /// @param gradOut [n, out]
  /// @param gradIn [n, in], overwritten
  void backwardInput(Tensor gradOut, Tensor gradIn) {
    torch.mm_out(gradIn, gradOut, operand);
  }

  /// As [#backwardInput], added to `gradIn`.
  void backwardInputAdd(Tensor gradOut, Tensor gradIn) {
    gradIn.addmm_(gradOut, operand);
  }

  @Override
  public void close() {
    if (operand != weight) {
      operand.deallocate();
      if (biasOperand != null) {
        biasOperand.deallocate();
      }
    }
  }
}
