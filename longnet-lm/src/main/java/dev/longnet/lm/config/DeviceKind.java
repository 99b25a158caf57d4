package dev.longnet.lm.config;

/// Where a model's tensors live.
public enum DeviceKind {
  CPU,
  CUDA
}
