// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

/// A layer norm's weights [width].
public record NormWeights(NativeFloats gain, NativeFloats bias, int width) {
  /// y = norm(x), row by row; rows lie one after another and y may be x.
  public void apply(Kernels kernels, long x, int rows, long y) {
    kernels.layerNorm(x, width, rows, width, gain.address(), bias.address(), y, width);
  }
}
