// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import dev.longnet.core.stream.kernel.Kernels;
import dev.longnet.core.stream.kernel.Products;

/// Rows `[first, last)` of a session's work on their way through a layer.
///
/// @param products how they are multiplied by weights: by one thread, or shared out
public record Block(Work work, Products products, int first, int last) {
  /// How many rows.
  public int count() {
    return last - first;
  }

  public Kernels kernels() {
    return products.kernels();
  }

  /// Address of the mixer's own rows [count, width].
  ///
  /// @param width of a row of this mixer
  public long rows(int width) {
    return work.rows().address() + 4L * first * width;
  }

  /// Address of the mixed rows [count, C].
  public long mixed() {
    return work.mixed().address() + 4L * first * work.hidden();
  }
}
