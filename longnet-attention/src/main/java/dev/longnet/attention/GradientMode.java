// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

/// Which gradient the backward pass computes.
public enum GradientMode {
  /// The gradient of the output as it is: the mixing weights alpha_i of the branches are
  /// differentiated too.
  EXACT,
  /// The mixing weights are held constant, as torchscale does. This costs one more forward pass and
  /// serves only to reproduce torchscale's gradients.
  DETACHED_WEIGHTS
}
