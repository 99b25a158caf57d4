// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import org.bytedeco.pytorch.Tensor;

/// Rows that one thread takes from one matrix product to the next, few enough that they stay in its
/// cache.
///
/// @param index among all tiles of a pass
record Tile(int index, Chunk rows) {
  Tensor of(Tensor all) {
    return rows.of(all);
  }

  /// These rows of a buffer that holds a chunk's rows alone.
  Tensor of(Tensor part, Chunk chunk) {
    return rows.of(part, chunk);
  }

  long count() {
    return rows.rows();
  }
}
