// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

/// The positions of the rows that one head keeps: `first`, `first + stride` and so on, `count` of
/// them. Where the rows live in memory is said elsewhere.
///
/// @param first position of the first row, not negative
/// @param stride distance between two rows in positions, at least 1
/// @param count number of rows, 0 or more
public record Rows(long first, long stride, long count) {
  private static final Rows NONE = new Rows(0, 1, 0);

  public Rows {
    if (first < 0 || stride < 1 || count < 0) {
      throw new IllegalArgumentException(
          "rows need first >= 0, stride >= 1, count >= 0: first="
              + first
              + ", stride="
              + stride
              + ", count="
              + count);
    }
    if (count > 0) {
      Math.addExact(first, Math.multiplyExact(stride, count - 1));
    }
  }

  /// No rows.
  static Rows none() {
    return NONE;
  }

  /// The position of row `index`.
  public long position(long index) {
    return first + index * stride;
  }

  public boolean isEmpty() {
    return count == 0;
  }

  /// The position of the last row. It means nothing when there are no rows.
  public long last() {
    return first + (count - 1) * stride;
  }

  /// How many of the rows lie before `position`.
  public long countBefore(long position) {
    if (position <= first) {
      return 0;
    }
    return Math.min(count, Math.ceilDiv(position - first, stride));
  }

  /// How many of the rows a causal query at `position` may see: those at its own position or
  /// before.
  public long countUpTo(long position) {
    return position < first ? 0 : Math.min(count, (position - first) / stride + 1);
  }

  /// The rows number `from` to `to` (exclusive).
  public Rows slice(long from, long to) {
    return to <= from ? new Rows(first, stride, 0) : new Rows(position(from), stride, to - from);
  }

  /// The rows whose positions lie in `[from, to)`.
  public Rows within(long from, long to) {
    return slice(countBefore(from), countBefore(to));
  }

  /// The positions `about - p`, rising.
  ///
  /// @param about at least the last position
  public Rows mirrored(long about) {
    return isEmpty() ? this : new Rows(about - last(), stride, count);
  }
}
