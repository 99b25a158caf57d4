package dev.longnet.lm.config;

import dev.longnet.attention.pattern.Branch;

/// What a model costs, counted from its configuration: parameters and floating-point operations.
///
/// A multiply-add counts as two operations. Attention is counted by the query-key pairs that exist:
/// 4 D operations a pair and head forward, 2.5 times that backward (the flash backward computes the
/// scores again). Embedding look-ups, normalisation, GELU and softmax are not counted.
public record ModelCost(ModelConfig model) {

  /// All parameters, norms and biases included.
  public long parameters() {
    long c = model.hidden();
    long f = model.feedForward();
    long embedding = (long) model.vocabulary() * c;
    long attention = 4 * (c * c + c) + 2 * c;
    long feedForward = 2 * c * f + f + c + 2 * f;
    long norms = 4 * c;
    return embedding * (model.tiedOutput() ? 1 : 2)
        + model.layers() * (attention + feedForward + norms)
        + 2 * c;
  }

  /// Operations of one forward pass over one sequence.
  ///
  /// @param tokens N
  public double forwardFlops(long tokens) {
    return linearFlops(tokens) + attentionFlops(tokens);
  }

  /// Operations of one forward and backward pass over one sequence; what activation checkpointing
  /// computes twice is counted once.
  ///
  /// @param tokens N
  public double trainingFlops(long tokens) {
    return 3 * linearFlops(tokens) + 3.5 * attentionFlops(tokens);
  }

  private double linearFlops(long tokens) {
    double c = model.hidden();
    double weights =
        model.layers() * (4 * c * c + 2 * c * model.feedForward()) + c * model.vocabulary();
    return 2 * weights * tokens;
  }

  private double attentionFlops(long tokens) {
    double pairs = 0;
    for (int head = 0; head < model.heads(); head++) {
      pairs += pairs(head, tokens);
    }
    return 4.0 * model.headSize() * pairs * model.layers();
  }

  /// Query-key pairs of one head over one sequence, a key counted once for each branch that keeps
  /// it.
  private double pairs(int head, long tokens) {
    return switch (model.attention()) {
      case AttentionConfig.Dense dense -> square(tokens);
      case AttentionConfig.Sparse sparse -> sparsePairs(sparse, tokens);
      case AttentionConfig.Dilated dilated -> {
        double sum = 0;
        for (Branch branch : dilated.branches()) {
          sum += branchPairs(branch, offset(branch, head, dilated.blockedOffsets()), tokens);
        }
        yield sum;
      }
    };
  }

  private double branchPairs(Branch branch, long offset, long tokens) {
    long length = Math.min(branch.segmentLength(), tokens);
    long whole = tokens / length;
    return whole * square(kept(length, branch.dilation(), offset))
        + square(kept(tokens % length, branch.dilation(), offset));
  }

  private double sparsePairs(AttentionConfig.Sparse sparse, long tokens) {
    long length = Math.min(sparse.blockLength(), tokens);
    double sum = 0;
    long blocks = Math.ceilDiv(tokens, length);
    for (long block = 0; block < blocks; block++) {
      double own = Math.min(length, tokens - block * length);
      double others = model.causal() ? block : blocks - 1;
      sum += square((long) own) + own * others * sparse.columns();
    }
    return sum;
  }

  private double square(long rows) {
    return model.causal() ? 0.5 * rows * (rows + 1.0) : (double) rows * rows;
  }

  private long offset(Branch branch, int head, boolean blocked) {
    return blocked
        ? head / Math.ceilDiv(model.heads(), branch.dilation())
        : head % branch.dilation();
  }

  private static long kept(long length, long dilation, long offset) {
    return length <= offset ? 0 : Math.ceilDiv(length - offset, dilation);
  }
}
