package dev.longnet.attention.pattern;

import java.util.List;
import java.util.Objects;

/// LongNet's pattern: per branch the sequence is cut into segments of w tokens, and head j keeps
/// the positions p of a segment that starts at g w with `(p - g w) mod r = s_ij`; kept rows attend
/// to kept rows of their segment (paper, section 2.2). The last segment may be short; nothing is
/// padded.
///
/// @param segments the (w, r) pairs, one or more, in any order
/// @param causal whether a query sees only its own position and earlier ones
/// @param headOffsets the rule for s_ij
public record DilatedAttentionSpec(List<Branch> segments, boolean causal, HeadOffsets headOffsets)
    implements AttentionPattern {
  public DilatedAttentionSpec {
    segments = List.copyOf(segments);
    if (segments.isEmpty()) {
      throw new IllegalArgumentException(
          "dilated attention needs at least one branch: segments=[]");
    }
    Objects.requireNonNull(headOffsets, "headOffsets");
  }

  /// The paper's head offsets.
  public DilatedAttentionSpec(List<Branch> segments, boolean causal) {
    this(segments, causal, HeadOffsets.INTERLEAVED);
  }

  /// Dense attention of any length: one segment as long as the sequence, nothing left out.
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

  /// Segment lengths and dilations as two lists of one length, the way configuration files write
  /// them.
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

  private Rows kept(Branch branch, long segment, int head, int heads, long tokens) {
    long start = segment * branch.segmentLength();
    long length = Math.min(branch.segmentLength(), tokens - start);
    long offset = headOffsets.offset(head, heads, branch.dilation());
    long count = offset >= length ? 0 : (length - offset - 1) / branch.dilation() + 1;
    return new Rows(start + (count == 0 ? 0 : offset), branch.dilation(), count);
  }
}
