package dev.longnet.attention.pattern;

/// Which of a branch's r interleaved subsequences head j keeps: the offset s_ij of the positions it
/// keeps in a segment.
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
