// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;

/// LongNet's pattern (paper, section 2.2). Each branch cuts the sequence into segments of w tokens.
/// Of the segment that starts at g w, head j keeps the positions p with `(p - g w) mod r = s_ij`,
/// and the kept rows attend to one another. The last segment may be short; nothing is padded.
///
/// @param segments the (w, r) pairs, one or more, in any order
/// @param causal whether a query sees only its own position and earlier ones
/// @param headOffsets the rule for s_ij
public record DilatedAttentionSpec(List<Branch> segments, boolean causal, HeadOffsets headOffsets)
    implements StreamablePattern {
  private static final long LONGEST_PERIOD = 1L << 62;

  public DilatedAttentionSpec {
    segments = List.copyOf(segments);
    if (segments.isEmpty()) {
      throw new IllegalArgumentException(
          "dilated attention needs at least one branch: segments=[]");
    }
    Objects.requireNonNull(headOffsets, "headOffsets");
  }

  /// Uses the paper's head offsets.
  public DilatedAttentionSpec(List<Branch> segments, boolean causal) {
    this(segments, causal, HeadOffsets.INTERLEAVED);
  }

  /// Dense attention of any length: one segment is as long as the sequence and keeps every row.
  public static DilatedAttentionSpec dense(boolean causal) {
    return new DilatedAttentionSpec(
        List.of(new Branch(Long.MAX_VALUE, 1)), causal, HeadOffsets.INTERLEAVED);
  }

  /// The paper's setting (section 4.1): w = 2048, 4096, 8192, 16384, 32768; r = 1, 2, 4, 6, 12.
  public static DilatedAttentionSpec paper(boolean causal) {
    return of(
        new long[] {2048, 4096, 8192, 16384, 32768},
        new long[] {1, 2, 4, 6, 12},
        causal,
        HeadOffsets.INTERLEAVED);
  }

  /// Takes segment lengths and dilations as two lists of one length, the way configuration files
  /// write them.
  public static DilatedAttentionSpec of(
      long[] segmentLengths, long[] dilations, boolean causal, HeadOffsets headOffsets) {
    if (segmentLengths.length != dilations.length) {
      throw new IllegalArgumentException(
          "every segment length needs one dilation: "
              + segmentLengths.length
              + " segment lengths, "
              + dilations.length
              + " dilations");
    }
    Branch[] branches = new Branch[dilations.length];
    for (int i = 0; i < branches.length; i++) {
      branches[i] = new Branch(segmentLengths[i], dilations[i]);
    }
    return new DilatedAttentionSpec(List.of(branches), causal, headOffsets);
  }

  @Override
  public int branches() {
    return segments.size();
  }

  @Override
  public long firstSegment(int branch, long from) {
    return from / segments.get(branch).segmentLength();
  }

  @Override
  public long endSegment(int branch, long to, long tokens) {
    return Math.ceilDiv(to, segments.get(branch).segmentLength());
  }

  @Override
  public Fold fold(int branch, long segment, int head, int heads, long tokens) {
    Rows rows = kept(segments.get(branch), segment, head, heads, tokens);
    return new Fold(rows, rows);
  }

  /// The least common multiple of all segment lengths, at whose multiples a segment of every branch
  /// ends.
  @Override
  public OptionalLong period() {
    long multiple = 1;
    for (Branch branch : segments) {
      long factor = branch.segmentLength() / gcd(multiple, branch.segmentLength());
      if (factor > LONGEST_PERIOD / multiple) {
        return OptionalLong.empty();
      }
      multiple *= factor;
    }
    return OptionalLong.of(multiple);
  }

  /// Whole segments of a branch have as many pairs each; the last one may be short.
  @Override
  @SuppressWarnings("NarrowCalculation") // whole segments are counted
  public double pairs(int head, int heads, long tokens) {
    double pairs = 0;
    for (Branch branch : segments) {
      long length = Math.min(branch.segmentLength(), Math.max(1, tokens));
      long offset = headOffsets.offset(head, heads, branch.dilation());
      pairs +=
          tokens / length * square(branch.kept(length, offset))
              + square(branch.kept(tokens % length, offset));
    }
    return pairs;
  }

  /// The kept rows of the segment that the next token belongs to.
  @Override
  public Rows live(int branch, int head, int heads, long tokens) {
    return kept(segments.get(branch), firstSegment(branch, tokens), head, heads, tokens);
  }

  @Override
  public long mostLive(int branch) {
    return segments.get(branch).kept(segments.get(branch).segmentLength(), 0);
  }

  /// The kept rows of the query's segment up to the query, if it is one of them.
  @Override
  public Rows seen(int branch, int head, int heads, long position) {
    Rows rows =
        kept(segments.get(branch), firstSegment(branch, position), head, heads, position + 1);
    return !rows.isEmpty() && rows.last() == position ? rows : rows.slice(0, 0);
  }

  /// torchscale fills a segment up to min(w, N) tokens, and these up to a multiple of r, so that
  /// every head has ceil(min(w, N) / r) rows.
  @Override
  public long paddingKeys(int branch, long segment, int head, int heads, long tokens) {
    Branch b = segments.get(branch);
    long rows = b.kept(Math.min(b.segmentLength(), tokens), 0);
    return rows - fold(branch, segment, head, heads, tokens).keys().count();
  }

  /// Pairs of `rows` queries with as many keys at the same positions.
  private double square(long rows) {
    return causal ? 0.5 * rows * (rows + 1.0) : (double) rows * rows;
  }

  private Rows kept(Branch branch, long segment, int head, int heads, long tokens) {
    long start = segment * branch.segmentLength();
    long length = Math.min(branch.segmentLength(), tokens - start);
    long offset = headOffsets.offset(head, heads, branch.dilation());
    long count = branch.kept(length, offset);
    return new Rows(start + (count == 0 ? 0 : offset), branch.dilation(), count);
  }

  private static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
