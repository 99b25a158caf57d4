// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.List;
import java.util.Objects;

/// One branch of dilated attention. It cuts the sequence into segments of `segmentLength` tokens
/// and keeps every `dilation`-th position of a segment (paper, section 2.2; w and r there). That is
/// all of the paper's branch; the other components make branches that the paper does not have.
///
/// @param segmentLength w, in tokens, positive; need not be a multiple of the dilation
/// @param dilation r, positive; 1 keeps every position
/// @param window how far back a query sees
/// @param dilate which rows of a segment the dilation thins out
/// @param heads the heads the branch stands on, rising; empty: all. The rule for head offsets
///   counts these heads alone
/// @param shift by how many tokens every segment begins earlier, in `[0, segmentLength)`; the first
///   one is shorter by it
public record Branch(
    long segmentLength,
    long dilation,
    Window window,
    Dilate dilate,
    List<Integer> heads,
    long shift) {
  /// Up to here, positions counted in units of the dilation do not overflow.
  private static final long MOST_DILATION = 1L << 40;

  /// Up to here, two segments and a shift do not overflow. Only plain segments may be longer.
  private static final long LONGEST_WINDOW = 1L << 60;

  /// How far back a query sees within a branch.
  public enum Window {
    /// Its own segment, as in the paper.
    SEGMENT,
    /// Its own segment and the one before.
    TWO_SEGMENTS,
    /// The `segmentLength` positions that end with its own.
    SLIDING
  }

  /// What a dilation thins out.
  public enum Dilate {
    /// Kept rows attend to kept rows, as in the paper.
    BOTH,
    /// Every row attends to the kept ones.
    KEYS
  }

  public Branch {
    Objects.requireNonNull(window, "window");
    Objects.requireNonNull(dilate, "dilate");
    heads = List.copyOf(heads);
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
    if (shift < 0 || shift >= segmentLength) {
      throw new IllegalArgumentException(
          "shift must be from 0 to below segmentLength=" + segmentLength + ": shift=" + shift);
    }
    if ((shift > 0 || window != Window.SEGMENT) && segmentLength > LONGEST_WINDOW) {
      throw new IllegalArgumentException(
          "segments that are shifted or see beyond themselves must have at most 2^60 tokens:"
              + " segmentLength="
              + segmentLength);
    }
    for (int i = 0; i < heads.size(); i++) {
      if (heads.get(i) < (i == 0 ? 0 : heads.get(i - 1) + 1)) {
        throw new IllegalArgumentException("heads must rise from 0 on: heads=" + heads);
      }
    }
  }

  /// The paper's branch, on all heads.
  public Branch(long segmentLength, long dilation) {
    this(segmentLength, dilation, Window.SEGMENT, Dilate.BOTH, List.of(), 0);
  }

  /// Whether it is one of the paper's.
  public boolean plain() {
    return window == Window.SEGMENT && dilate == Dilate.BOTH && heads.isEmpty() && shift == 0;
  }

  /// Whether a query sees rows of the segment before its own.
  boolean seesBack() {
    return window != Window.SEGMENT;
  }

  boolean standsOn(int head) {
    return heads.isEmpty() || heads.contains(head);
  }

  /// s_ij of one of its heads.
  long offset(HeadOffsets rule, int head, int of) {
    return heads.isEmpty()
        ? rule.offset(head, of, dilation)
        : rule.offset(heads.indexOf(head), heads.size(), dilation);
  }

  /// The number of the segment that holds a position.
  long segment(long position) {
    return (position + shift) / segmentLength;
  }

  /// One past the last segment that begins before `to`.
  long segmentsBefore(long to) {
    return to == 0 ? 0 : Math.ceilDiv(to + shift, segmentLength);
  }

  /// All rows of a segment of a sequence of `tokens` positions.
  Rows all(long segment, long tokens) {
    long from = Math.max(0, segment * segmentLength - shift);
    return new Rows(from, 1, Math.max(0, length(segment, from, tokens)));
  }

  /// The rows of a segment that the dilation keeps.
  ///
  /// @param offset s_ij
  Rows kept(long segment, long tokens, long offset) {
    long start = segment * segmentLength - shift;
    long from = Math.max(0, start);
    // The first kept position that is not before the sequence.
    long local = offset + (from <= start + offset ? 0 : up(from - start - offset));
    long length = length(segment, from, tokens) + from - start;
    long count = kept(length, local);
    return new Rows(count == 0 ? from : start + local, dilation, count);
  }

  private long length(long segment, long from, long tokens) {
    long end = segment * segmentLength - shift + segmentLength;
    return (end < 0 ? tokens : Math.min(end, tokens)) - from;
  }

  private long up(long distance) {
    return Math.ceilDiv(distance, dilation) * dilation;
  }

  /// Whether the dilation keeps a position.
  ///
  /// @param offset s_ij
  boolean keeps(long position, long offset) {
    long local = (position + shift) % segmentLength - offset;
    return local >= 0 && local % dilation == 0;
  }

  /// How many of `length` neighbouring positions are kept when the first kept one has local index
  /// `offset`.
  long kept(long length, long offset) {
    return offset >= length ? 0 : (length - offset - 1) / dilation + 1;
  }
}
