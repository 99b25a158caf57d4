// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// One branch of dilated attention. It cuts the sequence into segments of `segmentLength` tokens
/// and keeps every `dilation`-th position of a segment (paper, section 2.2; w and r there).
///
/// @param segmentLength w, in tokens, positive; need not be a multiple of the dilation
/// @param dilation r, positive; 1 keeps every position
public record Branch(long segmentLength, long dilation) {
  /// Up to here, positions counted in units of the dilation do not overflow.
  private static final long MOST_DILATION = 1L << 40;

  public Branch {
    if (segmentLength < 1) {
      throw new IllegalArgumentException(
          "segmentLength must be positive: segmentLength=" + segmentLength);
    }
    if (dilation < 1) {
      throw new IllegalArgumentException("dilation must be positive: dilation=" + dilation);
    }
    if (dilation > MOST_DILATION) {
      throw new IllegalArgumentException("dilation must be at most 2^40: dilation=" + dilation);
    }
  }

  /// How many of `length` neighbouring positions are kept when the first kept one has local index
  /// `offset`.
  long kept(long length, long offset) {
    return offset >= length ? 0 : (length - offset - 1) / dilation + 1;
  }
}
