// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.Objects;

/// Blockwise causal attention (Sun et al. 2022), with which the paper tests beyond the trained
/// length: no query looks further back than a training sequence did. The sequence is cut into
/// blocks of half the trained length. A query of block b attends within a window made of block b -
/// 1 and its own, exactly as `inner` lets the second half of a training sequence attend.
///
/// Windows start at multiples of `blockLength` and are two blocks long. All queries of the first
/// window belong to it; of every later window, those of its second half. So every query belongs to
/// one window. Up to two blocks of tokens the pattern equals `inner`.
///
/// @param inner the causal pattern of training
/// @param blockLength half the trained length, in tokens, positive
public record BlockwiseCausalPattern(AttentionPattern inner, long blockLength)
    implements AttentionPattern {
  public BlockwiseCausalPattern {
    Objects.requireNonNull(inner, "inner");
    if (!inner.causal()) {
      throw new IllegalArgumentException(
          "blockwise causal attention needs a causal pattern: inner=" + inner);
    }
    if (blockLength < 1 || blockLength > Long.MAX_VALUE / 4) {
      throw new IllegalArgumentException(
          "blockLength must be positive: blockLength=" + blockLength);
    }
  }

  @Override
  public boolean causal() {
    return true;
  }

  @Override
  public int branches() {
    return inner.branches();
  }

  @Override
  public long mostKeys(int branch) {
    return inner.mostKeys(branch);
  }

  @Override
  public long firstSegment(int branch, long from) {
    return segmentsBefore(branch, Math.max(0, from / blockLength - 1));
  }

  @Override
  public long endSegment(int branch, long to, long tokens) {
    long windows = Math.max(1, Math.ceilDiv(tokens, blockLength) - 1);
    return segmentsBefore(branch, Math.min(windows, Math.ceilDiv(to, blockLength)));
  }

  @Override
  public Fold fold(int branch, long segment, int head, int heads, long tokens) {
    long whole = perWindow(branch);
    long half = whole - halfWay(branch);
    long window = segment < whole ? 0 : 1 + (segment - whole) / half;
    long innerSegment = window == 0 ? segment : halfWay(branch) + (segment - whole) % half;
    Fold fold = inner.fold(branch, innerSegment, head, heads, 2 * blockLength);
    long start = window * blockLength;
    long end = Math.min(2 * blockLength, tokens - start);
    return new Fold(
        shifted(fold.queries().within(window == 0 ? 0 : blockLength, end), start),
        shifted(fold.keys().within(0, end), start),
        fold.window());
  }

  /// Segments of `inner` in a window.
  private long perWindow(int branch) {
    return inner.endSegment(branch, 2 * blockLength, 2 * blockLength);
  }

  /// The first of them that holds queries of the window's second half.
  private long halfWay(int branch) {
    return inner.firstSegment(branch, blockLength);
  }

  private long segmentsBefore(int branch, long window) {
    return window == 0
        ? 0
        : perWindow(branch) + (window - 1) * (perWindow(branch) - halfWay(branch));
  }

  private static Rows shifted(Rows rows, long by) {
    return new Rows(rows.isEmpty() ? 0 : rows.first() + by, rows.stride(), rows.count());
  }
}
