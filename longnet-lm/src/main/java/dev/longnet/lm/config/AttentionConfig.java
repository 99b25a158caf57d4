package dev.longnet.lm.config;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import java.util.List;
import java.util.OptionalLong;

/// Which attention a model uses; everything else in the model is the same for all of them.
public sealed interface AttentionConfig {

  /// Who attends to whom.
  default AttentionPattern pattern(boolean causal) {
    return switch (this) {
      case Dense _ -> DilatedAttentionSpec.dense(causal);
      case Sparse sparse -> new SparseAttentionSpec(sparse.blockLength(), sparse.columns(), causal);
      case Dilated dilated ->
          new DilatedAttentionSpec(
              dilated.branches(),
              causal,
              dilated.blockedOffsets() ? HeadOffsets.BLOCKED : HeadOffsets.INTERLEAVED);
    };
  }

  /// The largest segment, where every segment length divides it: nothing attends across its
  /// boundaries, and positions may begin anew there.
  default OptionalLong period() {
    return switch (this) {
      case Dilated dilated -> {
        long largest =
            dilated.branches().stream().mapToLong(Branch::segmentLength).max().orElseThrow();
        boolean nested =
            dilated.branches().stream().allMatch(b -> largest % b.segmentLength() == 0);
        yield nested ? OptionalLong.of(largest) : OptionalLong.empty();
      }
      case Dense _, Sparse _ -> OptionalLong.empty();
    };
  }

  /// LongNet's dilated attention.
  ///
  /// @param blockedOffsets head j keeps offset floor(j / ceil(H / r)) as torchscale does, instead
  ///   of the paper's j mod r
  /// @param zeroPaddedKeys compatibility with encoders trained by torchscale, whose short segments
  ///   are padded by zero keys that take part in the softmax; never right for other models
  record Dilated(List<Branch> branches, boolean blockedOffsets, boolean zeroPaddedKeys)
      implements AttentionConfig {
    /// Nothing is padded.
    public Dilated(List<Branch> branches, boolean blockedOffsets) {
      this(branches, blockedOffsets, false);
    }

    public Dilated {
      branches = List.copyOf(branches);
      if (branches.isEmpty()) {
        throw new IllegalArgumentException(
            "attention needs at least one branch: segment_lengths=[]");
      }
    }
  }

  /// Every token attends to every (earlier) token: the vanilla Transformer.
  record Dense() implements AttentionConfig {}

  /// The paper's sparse baseline: blocks of `blockLength` tokens attend within themselves and to
  /// `columns` strided columns of every earlier block, heads on distinct columns.
  record Sparse(long blockLength, long columns) implements AttentionConfig {
    public Sparse {
      if (blockLength < 1) {
        throw new IllegalArgumentException(
            "block_length must be positive: block_length=" + blockLength);
      }
      if (columns < 1 || columns > blockLength) {
        throw new IllegalArgumentException(
            "columns must be between 1 and block_length=" + blockLength + ": columns=" + columns);
      }
    }
  }
}
