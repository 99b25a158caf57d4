// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.Locale;

/// What stands between the feed-forward's two matrices; torchscale's.
public enum Activation {
  /// u Phi(u), the exact one
  GELU,
  /// max(u, 0)
  RELU,
  /// u / (1 + e^-u), also called SiLU
  SWISH;

  /// As a recipe and torchscale write it.
  @Override
  public String toString() {
    return name().toLowerCase(Locale.ROOT);
  }
}
