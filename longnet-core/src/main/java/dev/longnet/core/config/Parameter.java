// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// What is known of one parameter before it exists.
///
/// @param name as torchscale's state dict has it
/// @param shape rows first
/// @param initial how its first values are drawn
/// @param decays whether the optimizer's weight decay touches it: matrices do, norms, biases and
///   short convolutions do not
/// @param matrix whether rows are multiplied by it, or taken from it: such a parameter is counted
///   in operations and may be quantised
public record Parameter(
    String name, List<Long> shape, Initial initial, boolean decays, boolean matrix) {

  public Parameter {
    shape = List.copyOf(shape);
  }

  /// How first values are drawn. A product of two factors is rounded once, to float32.
  public sealed interface Initial {
    /// Every element is `value`.
    record Constant(double value) implements Initial {}

    /// Normal with mean 0.
    record Normal(double deviation) implements Initial {}

    /// `gain` times uniform in (-bound, bound).
    record Uniform(double bound, double gain) implements Initial {}

    /// Uniform in (-bound, bound), and 1 more in the last of each `taps` elements.
    record NearIdentity(int taps, double bound) implements Initial {}
  }

  /// The number of its elements.
  public long elements() {
    return shape.stream().reduce(1L, Math::multiplyExact);
  }

  public long[] dimensions() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }
}
