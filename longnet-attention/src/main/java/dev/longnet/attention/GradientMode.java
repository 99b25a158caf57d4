package dev.longnet.attention;

/// Which gradient the backward pass computes.
public enum GradientMode {
  /// The gradient of the output as it is: the mixing weights alpha_i of the branches are
  /// differentiated too.
  EXACT,
  /// The mixing weights are held constant, as torchscale does. Costs one more forward pass. Only
  /// for reproducing its gradients.
  DETACHED_WEIGHTS
}
