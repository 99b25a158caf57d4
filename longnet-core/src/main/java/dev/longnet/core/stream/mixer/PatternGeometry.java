package dev.longnet.core.stream.mixer;

import dev.longnet.attention.AttentionPattern;
import dev.longnet.attention.Branch;
import dev.longnet.attention.DilatedAttentionSpec;
import dev.longnet.attention.HeadOffsets;
import dev.longnet.attention.SparseAttentionSpec;
import java.util.ArrayList;
import java.util.List;

/// What a stream must know of an attention pattern and the pattern does not say itself. The only
/// place of streaming that looks at which pattern it is.
final class PatternGeometry {
  /// Positions are taken modulo a multiple of every segment length only below this.
  private static final long LARGEST_MULTIPLE = 1L << 40;

  private PatternGeometry() {}

  /// Which rows caches hold, one for each kind of fold.
  static List<LiveRows> live(AttentionPattern pattern, int heads) {
    return switch (pattern) {
      case DilatedAttentionSpec dilated -> {
        List<LiveRows> all = new ArrayList<>();
        for (Branch branch : dilated.segments()) {
          all.add(
              new LiveSegment(
                  branch.segmentLength(), branch.dilation(), dilated.headOffsets(), heads));
        }
        yield all;
      }
      case SparseAttentionSpec sparse ->
          List.of(
              new LiveSegment(sparse.blockLength(), 1, HeadOffsets.INTERLEAVED, heads),
              new PastColumns(sparse.blockLength(), sparse.columns()));
      default ->
          throw new IllegalArgumentException(
              "a stream does not know which rows this attention still needs: " + pattern);
    };
  }

  /// The least common multiple of the segment lengths, which nothing attends across; Long.MAX_VALUE
  /// where there is none up to 2^40.
  static long commonMultiple(AttentionPattern pattern) {
    if (!(pattern instanceof DilatedAttentionSpec dilated)) {
      return Long.MAX_VALUE;
    }
    long multiple = 1;
    for (Branch branch : dilated.segments()) {
      long w = branch.segmentLength();
      if (w > LARGEST_MULTIPLE) {
        return Long.MAX_VALUE;
      }
      long factor = w / gcd(multiple, w);
      if (multiple > LARGEST_MULTIPLE / factor) {
        return Long.MAX_VALUE;
      }
      multiple *= factor;
    }
    return multiple;
  }

  private static long gcd(long a, long b) {
    return b == 0 ? a : gcd(b, a % b);
  }
}
