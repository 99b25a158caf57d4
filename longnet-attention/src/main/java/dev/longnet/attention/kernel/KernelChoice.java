// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// Which kernel computes.
public enum KernelChoice {
  /// The vector kernel where the JVM offers the Vector API (`--add-modules jdk.incubator.vector`),
  /// else the scalar one.
  AUTO,
  /// The plain twin. It needs no module and no flag, and has about an eighth of the speed or more.
  SCALAR,
  /// The vector kernel, which folds bfloat16 tensors through [AttentionOptions#products] if there
  /// are any. It refuses to start where the Vector API is missing.
  SIMD
}
