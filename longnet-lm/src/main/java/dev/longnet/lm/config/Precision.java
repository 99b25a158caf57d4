package dev.longnet.lm.config;

/// The type matrix products run in. Master weights, the residual stream, normalisation, softmax and loss are float32
/// in both.
public enum Precision {
  FP32,
  /// Operands and results of matrix products (and queries, keys, values) are rounded to bfloat16, sums are float32.
  BF16
}
