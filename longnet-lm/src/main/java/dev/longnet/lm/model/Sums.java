// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The gradient of a vector that every row has a part in: each tile sums over its rows, and the
/// tiles' sums are added in their order, whichever thread was first.
final class Sums {
  private final Tensor gradient;
  private final Tensor parts;

  /// @param workspace its innermost frame must last until [#add()]
  Sums(Workspace workspace, int tiles, Tensor gradient) {
    this.gradient = gradient;
    this.parts = workspace.take(ScalarType.Float, tiles, gradient.numel());
    parts.zero_();
  }

  /// What a tile's rows are added to, `[width]`; the caller's scope's.
  Tensor of(Tile tile) {
    return parts.select(0, tile.index());
  }

  /// Adds all to the gradient.
  void add() {
    try (PointerScope _ = new PointerScope()) {
      gradient.add_(parts.sum(0));
    }
  }
}
