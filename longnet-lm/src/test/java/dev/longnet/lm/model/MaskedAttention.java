// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Fold;
import dev.longnet.attention.pattern.Rows;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The oracle: attention by the formula, in float64, with dense [H, N, N] masks, one a branch.
/// `detached` holds the branches' mixing weights constant in the backward pass, as torchscale does.
record MaskedAttention(AttentionPattern pattern, boolean detached) implements AttentionOperator {

  @Override
  public AttentionOperator over(Span span) {
    span.requireWholeSegments(pattern.period());
    return this;
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    Tensor scores = scores(q, k);
    Tensor all = counts(q.size(2), q.size(1)).stream().reduce(Tensor::add).orElseThrow();
    Tensor lse = scores.add(all.log()).logsumexp(3);
    Tensor weights = all.mul(scores.sub(lse.unsqueeze(3)).exp()).nan_to_num();
    Tensor out = torch.matmul(weights, heads(v)).transpose(1, 2).contiguous();
    return new Output(out.to(q.scalar_type()), lse.to(ScalarType.Float));
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    Tensor scores = scores(q, k);
    List<Tensor> counts = counts(q.size(2), q.size(1));
    Tensor all = counts.stream().reduce(Tensor::add).orElseThrow();
    Tensor lse = scores.add(all.log()).logsumexp(3).unsqueeze(3);
    Tensor exponentials = scores.sub(lse).exp();
    Tensor dO = heads(gradOut);
    Tensor weights = all.mul(exponentials).nan_to_num();
    Tensor dP = torch.matmul(dO, heads(v).transpose(2, 3));
    Tensor dS = torch.zeros_like(scores);
    for (Tensor branch : detached ? counts : List.of(all)) {
      Tensor p = branch.mul(exponentials).nan_to_num();
      Tensor share = p.sum(new long[] {3}, true, null);
      Tensor o = torch.matmul(p, heads(v)).div(share).nan_to_num();
      Tensor delta = o.mul(dO).sum(new long[] {3}, true, null);
      dS.add_(p.mul(dP.sub(delta)));
    }
    Scalar scale = new Scalar(1 / Math.sqrt(q.size(3)));
    return new Gradients(
        back(torch.matmul(dS, heads(k)).mul(scale), q),
        back(torch.matmul(dS.transpose(2, 3), heads(q)).mul(scale), q),
        back(torch.matmul(weights.transpose(2, 3), dO), q));
  }

  private static Tensor back(Tensor gradient, Tensor like) {
    return gradient.transpose(1, 2).contiguous().to(like.scalar_type());
  }

  private static Tensor heads(Tensor x) {
    return x.to(ScalarType.Double).transpose(1, 2);
  }

  private static Tensor scores(Tensor q, Tensor k) {
    return torch
        .matmul(heads(q), heads(k).transpose(2, 3))
        .mul(new Scalar(1 / Math.sqrt(q.size(3))));
  }

  /// How often each branch offers each key to each query, [H, N, N] float64.
  private List<Tensor> counts(long heads, long tokens) {
    List<Tensor> all = new ArrayList<>();
    for (int branch = 0; branch < pattern.branches(); branch++) {
      Tensor counts = torch.zeros(heads, tokens, tokens);
      FloatPointer to = counts.data_ptr_float();
      for (int head = 0; head < heads; head++) {
        for (long segment = 0; segment < pattern.endSegment(branch, tokens, tokens); segment++) {
          Fold fold = pattern.fold(branch, segment, head, (int) heads, tokens);
          for (long i = 0; i < fold.queries().count(); i++) {
            long query = fold.queries().position(i);
            Rows seen = fold.seen(query, pattern.causal());
            for (long j = 0; j < seen.count(); j++) {
              long at = (head * tokens + query) * tokens + seen.position(j);
              to.put(at, to.get(at) + 1);
            }
          }
        }
      }
      all.add(counts.to(ScalarType.Double));
    }
    return all;
  }

  @Override
  public String describe() {
    return "masks, float64";
  }
}
