// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// The rule for s_ij, the offset of the positions that head j keeps in a segment of branch i.
public enum HeadOffsets {
  /// s_ij = j mod r, as the paper defines it (section 2.2, "dilated attention with multiple
  /// heads").
  INTERLEAVED,
  /// s_ij = floor(j / ceil(H / r)), as torchscale computes it.
  BLOCKED;

  /// The first local index that `head` of `heads` keeps in every segment of a branch with this
  /// dilation, in `[0, dilation)`.
  public long offset(int head, int heads, long dilation) {
    return switch (this) {
      case INTERLEAVED -> head % dilation;
      case BLOCKED -> head / Math.ceilDiv(heads, dilation);
    };
  }
}
