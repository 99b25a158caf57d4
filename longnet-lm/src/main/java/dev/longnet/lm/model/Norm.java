// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.pytorch.Tensor;

/// LayerNorm over the last dimension with statistics in float32; torchscale's epsilon 1e-5. What a
/// [Rowwise] normalises with.
final class Norm {
  static final double EPSILON = 1e-5;

  private final Parameters parameters;
  private final String name;
  private final Tensor gain;
  private final Tensor bias;

  Norm(Parameters parameters, String name) {
    this.parameters = parameters;
    this.name = name;
    this.gain = parameters.value(name + ".weight");
    this.bias = parameters.value(name + ".bias");
  }

  Tensor gain() {
    return gain;
  }

  Tensor bias() {
    return bias;
  }

  long width() {
    return gain.numel();
  }

  /// The gradients of gain and bias.
  record Gradients(Sums gain, Sums bias) {
    void add() {
      gain.add();
      bias.add();
    }
  }

  Gradients gradients(Tools tools, int tiles) {
    return new Gradients(
        new Sums(tools, tiles, parameters.gradient(name + ".weight")),
        new Sums(tools, tiles, parameters.gradient(name + ".bias")));
  }
}
