// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// What `longnet bench attention` runs.
///
/// @param device `cpu`: float32, our kernels in Java; `cuda`: bfloat16, our kernel in libtorch
/// @param lengths N, each measured in turn
/// @param heads H
/// @param headSize D
/// @param branches the branches of every length; empty: w = 2048 and r = 1, both doubled up to the
///   length
/// @param backward measure the backward pass instead of the forward pass
/// @param denseUpTo longest N for libtorch's dense attention; as it comes: half of that
/// @param pytorchUpTo longest N for the PyTorch user's version
/// @param rounds samples of everything, in turn
/// @param seconds what one implementation may take for all of its samples at one length; it gets
///   one sample at least
public record BenchSettings(
    String device,
    List<Long> lengths,
    int batch,
    int heads,
    int headSize,
    List<Branch> branches,
    boolean causal,
    boolean backward,
    long denseUpTo,
    long pytorchUpTo,
    int rounds,
    double seconds) {
  public BenchSettings {
    lengths = List.copyOf(lengths);
    branches = List.copyOf(branches);
    if (lengths.isEmpty() || lengths.stream().anyMatch(n -> n < 1)) {
      throw new IllegalArgumentException(
          "lengths must be positive, one or more: lengths=" + lengths);
    }
    if (batch < 1 || heads < 1 || headSize < 1) {
      throw new IllegalArgumentException(
          "batch, heads and head size must be positive: batch="
              + batch
              + ", heads="
              + heads
              + ", headSize="
              + headSize);
    }
    if (rounds < 1 || !(seconds > 0)) {
      throw new IllegalArgumentException(
          "rounds and seconds must be positive: rounds=" + rounds + ", seconds=" + seconds);
    }
  }

  boolean gpu() {
    return !device.equals("cpu");
  }

  /// The type of inputs and results.
  ScalarType type() {
    return gpu() ? ScalarType.BFloat16 : ScalarType.Float;
  }

  DilatedAttentionSpec spec(long tokens) {
    List<Branch> list = branches;
    if (list.isEmpty()) {
      list = new ArrayList<>();
      list.add(new Branch(2048, 1));
      for (long factor = 2; 2048 * factor <= tokens; factor *= 2) {
        list.add(new Branch(2048 * factor, factor));
      }
    }
    return new DilatedAttentionSpec(list, causal, HeadOffsets.INTERLEAVED);
  }

  /// Of one call of the timed pass: 4 D a query-key pair forward, 10 D backward.
  double flops(AttentionPattern pattern, long tokens) {
    return batch * flops(pattern, tokens, heads);
  }

  /// As above, for one sequence with another number of heads.
  double flops(AttentionPattern pattern, long tokens, int heads) {
    double pairs = 0;
    for (int head = 0; head < heads; head++) {
      pairs += pattern.pairs(head, heads, tokens);
    }
    return pairs * headSize * (backward ? 10 : 4);
  }

  /// Patterns for [Verification#TOKENS] tokens whose branches stand to each other as the timed ones
  /// do: of every length, each once.
  List<DilatedAttentionSpec> small() {
    return lengths.stream().map(this::small).distinct().toList();
  }

  private DilatedAttentionSpec small(long length) {
    List<Branch> small = new ArrayList<>();
    for (Branch branch : spec(length).segments()) {
      small.add(
          new Branch(
              Math.max(branch.dilation() + 1, Math.min(branch.segmentLength() / 64, 384)),
              branch.dilation()));
    }
    return new DilatedAttentionSpec(small, causal, HeadOffsets.INTERLEAVED);
  }

  /// Whether this is the shape that the goals were set for: 12 heads of 64, causal, the paper's
  /// branches.
  boolean isGoalShape(long tokens) {
    return !gpu()
        && batch == 1
        && heads == 12
        && headSize == 64
        && tokens == 32768
        && spec(tokens).equals(DilatedAttentionSpec.paper(true));
  }

  /// What is not ours at a length: dilated attention as a PyTorch user writes it and dense
  /// attention, each at two settings of the CPU's BLAS; but dense attention at its slower one, as
  /// it comes, only at lengths up to half of the longest: it takes minutes there. A GPU knows no
  /// such setting.
  List<Contestant> others(DilatedAttentionSpec spec, long tokens) {
    List<Contestant> others = new ArrayList<>();
    if (tokens <= pytorchUpTo) {
      if (!gpu()) {
        others.add(Contestant.pytorch(spec, true));
      }
      others.add(Contestant.pytorch(spec, false));
    }
    if (tokens <= denseUpTo) {
      DilatedAttentionSpec dense = DilatedAttentionSpec.dense(causal);
      if (!gpu()) {
        others.add(Contestant.dense(dense, true));
      }
      if (gpu() || tokens <= denseUpTo / 2) {
        others.add(Contestant.dense(dense, false));
      }
    }
    return others;
  }
}
