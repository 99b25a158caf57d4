// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.Objects;

/// What a pattern says within a span of a longer sequence: queries and keys both lie in the span.
/// Positions count from the span's first one, segments from the first that has rows there.
///
/// So the part of attention for which a shard needs nobody is attention of an ordinary pattern over
/// the shard's tokens.
///
/// @param inner the pattern of the whole sequence
/// @param first the span's first position
/// @param length its number of positions
/// @param whole tokens of the whole sequence
public record SpanPattern(AttentionPattern inner, long first, long length, long whole)
    implements AttentionPattern {
  public SpanPattern {
    Objects.requireNonNull(inner, "inner");
    if (first < 0 || length < 0 || length > whole - first) {
      throw new IllegalArgumentException(
          "a span must lie within its sequence: first="
              + first
              + ", length="
              + length
              + ", tokens="
              + whole);
    }
  }

  /// The pattern of a span; of the whole sequence, the pattern itself.
  public static AttentionPattern of(
      AttentionPattern pattern, long first, long length, long tokens) {
    return length == tokens ? pattern : new SpanPattern(pattern, first, length, tokens);
  }

  @Override
  public boolean causal() {
    return inner.causal();
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
    return inner.firstSegment(branch, first + from) - before(branch);
  }

  @Override
  public long endSegment(int branch, long to, long tokens) {
    return to == 0
        ? 0
        : Math.max(0, inner.endSegment(branch, first + to, first + length) - before(branch));
  }

  @Override
  public Fold fold(int branch, long segment, int head, int heads, long tokens) {
    if (tokens != length) {
      throw new IllegalArgumentException(
          "a span of " + length + " tokens has no other length: tokens=" + tokens);
    }
    Fold fold = inner.fold(branch, before(branch) + segment, head, heads, whole);
    Fold part =
        fold.of(
            fold.queries().within(first, first + length),
            fold.keys().within(first, first + length));
    return new Fold(shifted(part.queries()), shifted(part.keys()), part.window());
  }

  /// The first segment may begin before the span.
  @Override
  public long typicalSegment(int branch) {
    return 1;
  }

  /// Heads may have branches of their own.
  @Override
  public long reach(int heads, long tokens) {
    long reach = 1;
    for (int head = 0; head < heads; head++) {
      reach = Math.max(reach, reach(head, heads, tokens));
    }
    return reach;
  }

  /// How many segments end before the span.
  private long before(int branch) {
    return inner.firstSegment(branch, first);
  }

  private Rows shifted(Rows rows) {
    return new Rows(rows.isEmpty() ? 0 : rows.first() - first, rows.stride(), rows.count());
  }
}
