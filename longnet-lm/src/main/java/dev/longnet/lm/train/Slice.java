// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

/// Consecutive numbers of things.
///
/// @param first of them
/// @param end behind the last of them
public record Slice(long first, long end) {
  public Slice {
    if (first < 0 || end < first) {
      throw new IllegalArgumentException(
          "a slice does not end before it begins: " + first + ", " + end);
    }
  }

  public long count() {
    return end - first;
  }

  /// What both have.
  Slice and(Slice other) {
    long from = Math.max(first, other.first);
    return new Slice(from, Math.max(from, Math.min(end, other.end)));
  }
}
