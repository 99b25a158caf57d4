// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import dev.longnet.attention.WorkerTeam;
import java.util.List;

/// Products of a block of rows with weights, on one thread or shared out. Rows lie one after
/// another.
public sealed interface Products {
  Kernels kernels();

  /// y = x W^T + b.
  ///
  /// @param x address of [rows, in]
  /// @param y address of [rows, out], overwritten
  void product(long x, int rows, PackedMatrix w, long y);

  /// One thread computes all outputs: for one of many blocks of rows.
  ///
  /// @param scratch [Kernels#productScratch] floats that no other thread uses
  record Alone(Kernels kernels, NativeFloats scratch) implements Products {
    @Override
    public void product(long x, int rows, PackedMatrix w, long y) {
      kernels.product(x, w.in(), rows, w, 0, w.panels(), y, w.out(), scratch.address());
    }
  }

  /// The threads of a team share the outputs: for few rows, whose weights are then read once.
  ///
  /// @param workers what each of the team's threads would use alone
  record Shared(Kernels kernels, WorkerTeam team, List<Alone> workers) implements Products {
    /// Weights below which helping threads cost more than they bring.
    private static final long WORTH_SHARING = 1 << 16;

    @Override
    public void product(long x, int rows, PackedMatrix w, long y) {
      int parts = (long) w.out() * w.in() < WORTH_SHARING ? 1 : Math.min(team.size(), w.panels());
      team.run(
          parts,
          (part, worker) ->
              kernels.product(
                  x,
                  w.in(),
                  rows,
                  w,
                  part * w.panels() / parts,
                  (part + 1) * w.panels() / parts,
                  y,
                  w.out(),
                  workers.get(worker).scratch().address()));
    }
  }
}
