// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import java.util.List;
import org.bytedeco.pytorch.Tensor;

/// The arithmetic of one optimizer step over tensors.
sealed interface AdamKernel extends AutoCloseable permits LoopAdam, FusedAdam {
  /// Parameters that share a weight decay, and their state, in parallel lists.
  ///
  /// @param first moments
  /// @param second moments
  record Group(
      double weightDecay,
      List<String> names,
      List<Tensor> values,
      List<Tensor> gradients,
      List<Tensor> first,
      List<Tensor> second) {}

  /// The sum of the squares of all gradients, in float64; NaN or infinite when any of them is.
  double squares();

  /// @param number of the step, from 1
  /// @param gradientScale what gradients are multiplied by first
  void step(double learningRate, double gradientScale, long number);

  @Override
  void close();
}
