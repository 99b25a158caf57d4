// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.attention.Workers;
import dev.longnet.core.config.OptimizerConfig;
import dev.longnet.core.config.OptimizerConfig.Rule;
import dev.longnet.lm.loops.AdamStep;
import dev.longnet.lm.loops.RowLoops;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/// The project's own loops on the CPU: one pass over the gradients for their norm, one over
/// weights, gradients and moments for the step. Sums are made in an order that does not depend on
/// the number of threads.
final class LoopAdam implements AdamKernel {
  /// Elements of a piece at most: enough to be worth a task, few enough to share out.
  private static final long PIECE = 1 << 15;

  private final OptimizerConfig config;
  private final Workers workers;
  private final RowLoops loops = RowLoops.best();
  private final List<Piece> pieces = new ArrayList<>();

  /// Consecutive elements of one parameter, by address.
  private record Piece(
      double weightDecay, long values, long gradients, long first, long second, long count) {}

  /// @param groups of contiguous tensors in the CPU's memory that stay where they are
  /// @param workers stay the caller's
  LoopAdam(OptimizerConfig config, List<Group> groups, Workers workers) {
    this.config = config;
    this.workers = workers;
    for (Group group : groups) {
      for (int i = 0; i < group.values().size(); i++) {
        long all = group.values().get(i).numel();
        for (long from = 0; from < all; from += PIECE) {
          pieces.add(
              new Piece(
                  group.weightDecay(),
                  at(group.values().get(i), from),
                  at(group.gradients().get(i), from),
                  at(group.first().get(i), from),
                  at(group.second().get(i), from),
                  Math.min(PIECE, all - from)));
        }
      }
    }
  }

  private static long at(Tensor tensor, long element) {
    if (!tensor.is_contiguous()) {
      throw new IllegalArgumentException("parameters and gradients must be contiguous");
    }
    return tensor.data_ptr_float().address() + 4 * element;
  }

  @Override
  public double squares() {
    double[] squares = new double[pieces.size()];
    workers.run(
        squares.length,
        i -> {
          Piece piece = pieces.get((int) i);
          squares[(int) i] = loops.squares(piece.gradients, piece.count);
        });
    double sum = 0;
    for (double square : squares) {
      sum += square;
    }
    return sum;
  }

  @Override
  public void step(double learningRate, double gradientScale, long number) {
    workers.run(
        pieces.size(),
        i -> {
          Piece piece = pieces.get((int) i);
          loops.adam(
              piece.values,
              piece.gradients,
              piece.first,
              piece.second,
              piece.count,
              new AdamStep(
                  learningRate,
                  config.beta1(),
                  config.beta2(),
                  config.epsilon(),
                  piece.weightDecay,
                  config.rule() == Rule.ADAMW,
                  gradientScale,
                  number));
        });
  }

  @Override
  public void close() {}
}
