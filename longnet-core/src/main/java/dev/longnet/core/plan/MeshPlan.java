// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RankMesh;
import java.util.List;

/// What a run on a mesh of ranks needs and how long its steps take.
///
/// @param window N
/// @param tokens of the longest part of a window
/// @param memory of a rank
/// @param faults why the run cannot be; empty where it can
/// @param time of a step; of a run that only lacks memory too
/// @param checkpoints how often to save
public record MeshPlan(
    RankMesh mesh,
    long window,
    long tokens,
    Forecast memory,
    List<String> faults,
    Step time,
    Exchange exchange,
    Checkpoints checkpoints) {
  public MeshPlan {
    faults = List.copyOf(faults);
  }

  /// Whether the run can be.
  public boolean possible() {
    return faults.isEmpty();
  }

  /// A step of the optimizer, as its slowest rank has it; seconds.
  ///
  /// @param products with matrices, and all that goes with them
  /// @param branches attention by branch of the pattern, forward and backward
  /// @param exposed waiting for rows of other ranks and for their gradients
  /// @param hidden what of the exchange passes behind attention
  /// @param gradients adding parameters' gradients over all ranks and sharing out what moved
  /// @param seconds all of it
  /// @param fastest if the rates are as much better as they may be
  /// @param slowest if they are as much worse
  /// @param tokens of a step
  /// @param balance the most operations of a rank's layer, forward, over their mean
  /// @param efficiency what one rank would take for the step, over all ranks' seconds together
  public record Step(
      double products,
      List<BranchTime> branches,
      double exposed,
      double hidden,
      double gradients,
      double seconds,
      double fastest,
      double slowest,
      long tokens,
      double balance,
      double efficiency) {
    public Step {
      branches = List.copyOf(branches);
    }

    public double attention() {
      return branches.stream().mapToDouble(b -> b.forward + b.backward).sum();
    }

    public double tokensPerSecond() {
      return tokens / seconds;
    }
  }

  /// Seconds of a step in all layers that have the branch.
  ///
  /// @param mixer the number of the mixer in the model
  /// @param branch of its pattern
  /// @param keys of a segment
  /// @param remoteShare of its pairs have another rank's key
  public record BranchTime(
      int mixer, int branch, long keys, double forward, double backward, double remoteShare) {}

  /// What comes to the rank that gets most.
  ///
  /// @param rows a head and window, of all layers' mixers the most; each counted once
  /// @param wanted the same, counted for every branch that wants them
  /// @param forwardBytes of a window and layer, in its forward pass
  /// @param backwardBytes in its backward pass: rows again, and gradients in float32, which the
  ///   rank sends back
  /// @param attentionBytes of a step
  /// @param gradientBytes of a step: gradients of parameters, and parameters
  /// @param tokensToHide the least part of a window whose local branches hide the forward pass's
  ///   exchange; infinite where no branch is local, 0 where nothing is exchanged
  public record Exchange(
      double rows,
      double wanted,
      double forwardBytes,
      double backwardBytes,
      double attentionBytes,
      double gradientBytes,
      double tokensToHide) {
    /// Whether local branches hide the forward pass's exchange.
    public boolean isHidden(long tokens) {
      return tokens >= tokensToHide;
    }
  }

  /// @param saveSeconds to write one
  /// @param meanSeconds between failures of the run
  /// @param interval between two checkpoints, seconds
  /// @param lost share of the time that saving and repeating take
  public record Checkpoints(double saveSeconds, double meanSeconds, double interval, double lost) {}
}
