// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.pattern;

import java.util.List;
import java.util.Objects;
import java.util.OptionalLong;

/// LongNet's pattern (paper, section 2.2). Each branch cuts the sequence into segments of w tokens.
/// Of the segment that starts at g w, head j keeps the positions p with `(p - g w) mod r = s_ij`,
/// and the kept rows attend to one another. The last segment may be short; nothing is padded.
///
/// A [Branch] may differ from the paper's in what a query sees. One that sees the segment before
/// its own makes two branches of the pattern: its own segments, then the segments before.
///
/// @param segments the paper's (w, r) pairs or other branches, one or more, in any order
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
    for (Branch branch : segments) {
      if (!causal && branch.seesBack()) {
        throw new IllegalArgumentException(
            "window is for causal attention, without it a query sees its own segment: window="
                + branch.window());
      }
    }
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
    int parts = segments.size();
    for (Branch branch : segments) {
      parts += branch.seesBack() ? 1 : 0;
    }
    return parts;
  }

  /// A branch of the pattern.
  ///
  /// @param before whether queries see the segment before their own, else their own
  private record Part(Branch branch, boolean before) {}

  private Part part(int index) {
    int part = index;
    for (Branch branch : segments) {
      if (part == 0) {
        return new Part(branch, false);
      }
      if (part == 1 && branch.seesBack()) {
        return new Part(branch, true);
      }
      part -= branch.seesBack() ? 2 : 1;
    }
    throw new IndexOutOfBoundsException("branch " + index + " of " + branches());
  }

  @Override
  public long firstSegment(int branch, long from) {
    return part(branch).branch.segment(from);
  }

  /// A segment's keys are read by the segment after it too.
  @Override
  public long endSegment(int branch, long to, long tokens) {
    Part part = part(branch);
    long end = part.branch.segmentsBefore(to);
    return part.before && to > 0 ? Math.min(end + 1, part.branch.segmentsBefore(tokens)) : end;
  }

  @Override
  public Fold fold(int branch, long segment, int head, int heads, long tokens) {
    Part part = part(branch);
    Branch b = part.branch;
    if (!b.standsOn(head)) {
      Rows none = b.all(segment, tokens).slice(0, 0);
      return new Fold(none, none);
    }
    long offset = b.offset(headOffsets, head, heads);
    Rows kept = b.kept(segment, tokens, offset);
    Rows queries =
        switch (b.dilate()) {
          case BOTH -> kept;
          case KEYS -> b.all(segment, tokens);
        };
    if (!part.before) {
      return new Fold(queries, kept);
    }
    if (segment == 0) {
      return new Fold(queries, kept.slice(0, 0));
    }
    Fold fold = new Fold(queries, b.kept(segment - 1, tokens, offset));
    return b.window() == Branch.Window.SLIDING ? fold.within(b.segmentLength()) : fold;
  }

  /// The least common multiple of all segment lengths, at whose multiples a segment of every branch
  /// ends. None where a query sees beyond its segment, or segments do not begin at multiples.
  @Override
  public OptionalLong period() {
    long multiple = 1;
    for (Branch branch : segments) {
      long factor = branch.segmentLength() / gcd(multiple, branch.segmentLength());
      if (factor > LONGEST_PERIOD / multiple || branch.seesBack() || branch.shift() > 0) {
        return OptionalLong.empty();
      }
      multiple *= factor;
    }
    return OptionalLong.of(multiple);
  }

  /// Segments alike are visited once: of a long sequence the first two, one of those between, and
  /// the last.
  @Override
  public double pairs(int head, int heads, long tokens) {
    double pairs = 0;
    for (int branch = 0; branch < branches(); branch++) {
      long end = endSegment(branch, tokens, tokens);
      for (long segment = 0; segment < Math.min(2, end); segment++) {
        pairs += fold(branch, segment, head, heads, tokens).pairs(causal);
      }
      if (end > 3) {
        double one = fold(branch, 2, head, heads, tokens).pairs(causal);
        pairs += (end - 3.0) * one;
      }
      if (end > 2) {
        pairs += fold(branch, end - 1, head, heads, tokens).pairs(causal);
      }
    }
    return pairs;
  }

  /// The first segment may have none before it, or be short.
  @Override
  public long typicalSegment(int branch) {
    Part part = part(branch);
    return part.before || part.branch.shift() > 0 ? 1 : 0;
  }

  /// Heads with branches of their own reach as far as the farthest.
  @Override
  public long reach(int heads, long tokens) {
    if (segments.stream().allMatch(branch -> branch.heads().isEmpty())) {
      return reach(0, heads, tokens);
    }
    long reach = 1;
    for (int head = 0; head < heads; head++) {
      reach = Math.max(reach, reach(head, heads, tokens));
    }
    return reach;
  }

  /// The kept rows of the segment that the next token belongs to, or of the one before it.
  @Override
  public Rows live(int branch, int head, int heads, long tokens) {
    Part part = part(branch);
    Branch b = part.branch;
    long segment = b.segment(tokens);
    if (!b.standsOn(head) || part.before && segment == 0) {
      return b.all(segment, tokens).slice(0, 0);
    }
    return b.kept(part.before ? segment - 1 : segment, tokens, b.offset(headOffsets, head, heads));
  }

  /// As the default, without a fold: a stream asks for every token, branch and head.
  @Override
  public Rows seen(int branch, int head, int heads, long position) {
    Part part = part(branch);
    Branch b = part.branch;
    long segment = b.segment(position);
    if (!b.standsOn(head) || part.before && segment == 0) {
      return Rows.none();
    }
    long offset = b.offset(headOffsets, head, heads);
    if (b.dilate() == Branch.Dilate.BOTH && !b.keeps(position, offset)) {
      return Rows.none();
    }
    Rows kept = b.kept(part.before ? segment - 1 : segment, position + 1, offset);
    return part.before && b.window() == Branch.Window.SLIDING
        ? kept.within(position - b.segmentLength() + 1, Long.MAX_VALUE)
        : kept;
  }

  @Override
  public long mostKeys(int branch) {
    Branch b = part(branch).branch;
    return b.kept(b.segmentLength(), 0);
  }

  @Override
  public boolean keepsSegmentBefore(int branch) {
    return part(branch).before;
  }

  @Override
  public boolean standsOn(int branch, int head) {
    return part(branch).branch.standsOn(head);
  }

  /// torchscale fills a segment up to min(w, N) tokens, and these up to a multiple of r, so that
  /// every head has ceil(min(w, N) / r) rows.
  @Override
  public long paddingKeys(int branch, long segment, int head, int heads, long tokens) {
    Branch b = part(branch).branch;
    if (!b.plain()) {
      return 0;
    }
    long rows = b.kept(Math.min(b.segmentLength(), tokens), 0);
    return rows - fold(branch, segment, head, heads, tokens).keys().count();
  }

  private static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
