// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The gradient of a vector that every row has a part in: each tile sums over its rows, and the
/// tiles' sums are added in their order, whichever thread was first.
final class Sums {
  private final Rowwise rowwise;
  private final Tensor gradient;
  private final Tensor parts;

  /// In the workspace's innermost frame, which must last until [#add()].
  Sums(Tools tools, int tiles, Tensor gradient) {
    this.rowwise = tools.rowwise();
    this.gradient = gradient;
    this.parts = tools.workspace().take(ScalarType.Float, tiles, gradient.numel());
    parts.zero_();
  }

  /// What a tile's rows are added to, `[width]`; the caller's scope's.
  Tensor of(Tile tile) {
    return parts.select(0, tile.index());
  }

  /// Adds all to the gradient.
  void add() {
    if (parts.size(0) == 0) {
      return;
    }
    rowwise.copy(parts, parts, gradient);
  }
}
