// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.BlockwiseCausalPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.attention.pattern.SparseAttentionSpec;
import dev.longnet.core.config.Parameter.Initial;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.function.LongUnaryOperator;

/// Attention as a mixer. The kinds differ in who attends to whom, an [AttentionPattern]; parameters
/// and everything else are the same for all of them.
public sealed interface AttentionConfig extends MixerConfig
    permits AttentionConfig.Dilated,
        AttentionConfig.Dense,
        AttentionConfig.Sparse,
        AttentionConfig.Blockwise,
        BranchedAttention {

  /// Who attends to whom.
  AttentionPattern pattern(boolean causal);

  @Override
  default void parameters(
      Blueprint.Builder to, String prefix, long hidden, int heads, double gain) {
    addParameters(to, prefix, hidden, gain);
  }

  /// Those of every attention, whatever its pattern.
  static void addParameters(Blueprint.Builder to, String prefix, long c, double gain) {
    double narrow = Blueprint.xavier(c) * Math.sqrt(0.5);
    Initial bias = Blueprint.fanIn(c, 1);
    to.linear(prefix + "k_proj", c, c, new Initial.Uniform(narrow, 1), bias);
    to.linear(prefix + "v_proj", c, c, new Initial.Uniform(narrow, gain), Blueprint.fanIn(c, gain));
    to.linear(prefix + "q_proj", c, c, new Initial.Uniform(narrow, 1), bias);
    to.stack(prefix + "q_proj", prefix + "k_proj", prefix + "v_proj");
    to.linear(
        prefix + "out_proj",
        c,
        c,
        new Initial.Uniform(Blueprint.xavier(c), gain),
        new Initial.Constant(0));
    to.norm(prefix + "inner_attn_ln", c);
  }

  /// 4 D operations a query-key pair and head.
  @Override
  default double mixingFlops(ModelConfig model, long tokens) {
    AttentionPattern pattern = pattern(model.causal());
    double pairs = 0;
    for (int head = 0; head < model.heads(); head++) {
      pairs += pattern.pairs(head, model.heads(), tokens);
    }
    return 4.0 * model.headSize() * pairs;
  }

  /// The flash backward takes 2.5 times the forward pass: it computes the scores again.
  @Override
  default double mixingTrainingFlops(ModelConfig model, long tokens) {
    return 3.5 * mixingFlops(model, tokens);
  }

  /// Queries, keys, values and output, C each, and one float a head.
  @Override
  default long keptBytes(ModelConfig model, int bytes) {
    return bytes * 4L * model.hidden() + 4L * model.heads();
  }

  /// Gradients of queries, keys, values and output.
  @Override
  default long backwardBytes(ModelConfig model, int bytes) {
    return bytes * 4L * model.hidden();
  }

  /// Queries and keys are turned.
  @Override
  default boolean usesPositions() {
    return true;
  }

  @Override
  default OptionalLong period() {
    return OptionalLong.empty();
  }

  @Override
  default AttentionConfig at(int layer) {
    return this;
  }

  @Override
  default AttentionConfig withBranches(int first) {
    return this;
  }

  @Override
  default AttentionConfig blockwise(long blockLength) {
    return new Blockwise(this, blockLength);
  }

  /// LongNet's dilated attention.
  ///
  /// @param zeroPaddedKeys see [MixerConfig#zeroPaddedKeys()]
  record Dilated(List<Branch> segments, HeadOffsets headOffsets, boolean zeroPaddedKeys)
      implements AttentionConfig {
    /// Nothing is padded.
    public Dilated(List<Branch> segments, HeadOffsets headOffsets) {
      this(segments, headOffsets, false);
    }

    public Dilated {
      segments = List.copyOf(segments);
      if (segments.isEmpty()) {
        throw new IllegalArgumentException(
            "attention needs at least one branch: segment_lengths=[]");
      }
    }

    @Override
    public String type() {
      return "dilated";
    }

    @Override
    public void write(ObjectNode section) {
      section.put("type", type());
      ArrayNode lengths = section.putArray("segment_lengths");
      ArrayNode dilations = section.putArray("dilations");
      for (Branch branch : segments) {
        lengths.add(branch.segmentLength());
        dilations.add(branch.dilation());
      }
      section.put("head_offsets", headOffsets.name().toLowerCase(Locale.ROOT));
      if (zeroPaddedKeys) {
        section.put(MixerTree.ZERO_PADDED_KEYS, true);
      }
    }

    @Override
    public AttentionPattern pattern(boolean causal) {
      return new DilatedAttentionSpec(segments, causal, headOffsets);
    }

    @Override
    public AttentionConfig withZeroPaddedKeys(boolean on) {
      return new Dilated(segments, headOffsets, on);
    }

    @Override
    public int largestDilation() {
      return (int)
          Math.min(
              segments.stream().mapToLong(Branch::dilation).max().orElseThrow(), Integer.MAX_VALUE);
    }

    @Override
    public OptionalLong longestSegment() {
      return segments.stream().mapToLong(Branch::segmentLength).max();
    }

    /// The largest segment, where every segment length divides it.
    @Override
    public OptionalLong period() {
      long largest = longestSegment().orElseThrow();
      boolean nested = segments.stream().allMatch(b -> largest % b.segmentLength() == 0);
      return nested ? OptionalLong.of(largest) : OptionalLong.empty();
    }

    @Override
    public int branches() {
      return segments.size();
    }

    @Override
    public Dilated withBranches(int first) {
      return new Dilated(segments.subList(0, first), headOffsets, zeroPaddedKeys);
    }

    /// torchscale's head offsets are blocked ones; the two rules agree for r = 1 and for H <= r.
    @Override
    public List<Branch> torchscaleBranches(int heads) {
      for (Branch branch : segments) {
        for (int head = 0; head < heads; head++) {
          if (headOffsets.offset(head, heads, branch.dilation())
              != HeadOffsets.BLOCKED.offset(head, heads, branch.dilation())) {
            throw new IllegalArgumentException(
                String.format(
                    Locale.ROOT,
                    "torchscale knows head_offsets=blocked only, and this model's interleaved "
                        + "ones differ at dilation %d with %d heads: export to safetensors",
                    branch.dilation(),
                    heads));
          }
        }
      }
      return segments;
    }
  }

  /// Every token attends to every (earlier) token: the vanilla Transformer.
  record Dense() implements AttentionConfig {
    @Override
    public String type() {
      return "dense";
    }

    @Override
    public void write(ObjectNode section) {
      section.put("type", type());
    }

    @Override
    public AttentionPattern pattern(boolean causal) {
      return DilatedAttentionSpec.dense(causal);
    }

    @Override
    public List<Branch> torchscaleBranches(int heads) {
      return List.of(new Branch(TorchscaleConfig.DENSE, 1));
    }
  }

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

    @Override
    public String type() {
      return "sparse";
    }

    @Override
    public void write(ObjectNode section) {
      section.put("type", type());
      section.put("block_length", blockLength);
      section.put("columns", columns);
    }

    @Override
    public AttentionPattern pattern(boolean causal) {
      return new SparseAttentionSpec(blockLength, columns, causal);
    }

    @Override
    public List<Branch> torchscaleBranches(int heads) {
      throw new IllegalArgumentException(
          "torchscale has no attention.type=sparse: export to safetensors");
    }
  }

  /// Another attention that looks no further back than in training ([BlockwiseCausalPattern]). Its
  /// windows cross the largest segment's boundaries, so positions never begin anew. It is made for
  /// an evaluation and never written.
  record Blockwise(AttentionConfig inner, long blockLength) implements AttentionConfig {
    @Override
    public String type() {
      return "blockwise";
    }

    @Override
    public Blockwise at(int layer) {
      return new Blockwise(inner.at(layer), blockLength);
    }

    @Override
    public void write(ObjectNode section) {
      throw new IllegalStateException("blockwise attention is not a model's own");
    }

    @Override
    public AttentionPattern pattern(boolean causal) {
      return new BlockwiseCausalPattern(inner.pattern(causal), blockLength);
    }

    /// As in the second half of a window that begins a block earlier.
    @Override
    public LongUnaryOperator tokensShown() {
      LongUnaryOperator shown = inner.tokensShown();
      return position ->
          shown.applyAsLong(
              position < 2 * blockLength ? position : blockLength + position % blockLength);
    }

    @Override
    public List<Branch> torchscaleBranches(int heads) {
      throw new IllegalArgumentException("torchscale has no blockwise attention");
    }
  }
}
