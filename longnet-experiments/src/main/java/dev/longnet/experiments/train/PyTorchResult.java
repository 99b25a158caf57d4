// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.train;

import java.util.List;
import java.util.OptionalDouble;
import java.util.stream.DoubleStream;

/// PyTorch's figures beside one of ours: the same model, weights, tokens, precision and threads, on
/// the same machine in turns.
///
/// @param versions of PyTorch and Python; empty where none ran
/// @param eager seconds of a step, median; empty where it was not timed
/// @param compiled the same with `torch.compile`
/// @param reasons why a figure is missing, a line each
public record PyTorchResult(
    String versions, OptionalDouble eager, OptionalDouble compiled, List<String> reasons) {
  public PyTorchResult {
    reasons = List.copyOf(reasons);
  }

  /// Seconds of a step, the better one of the two.
  public OptionalDouble best() {
    return DoubleStream.concat(eager.stream(), compiled.stream()).min();
  }
}
