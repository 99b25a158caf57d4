// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.attention;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;

/// The same mathematics in matrix products, a block of queries at a time, in float32, on any
/// device: for GPUs where the flash kernel does not take the type or the head size.
record PlainFlash() implements FlashKernel {
  /// Scores that exist at once: 256 MB.
  private static final long SCORES = 1L << 26;

  @Override
  public ScalarType computeType(ScalarType type) {
    return ScalarType.Float;
  }

  @Override
  public Tensor[] forward(Tensor q, Tensor k, Tensor v, boolean causal) {
    TensorVector out = new TensorVector();
    TensorVector lse = new TensorVector();
    long block = block(q, k);
    for (long from = 0; from < q.size(2); from += block) {
      Tensor scores = scores(q, k, from, Math.min(block, q.size(2) - from), causal);
      Tensor norms = scores.logsumexp(3);
      out.push_back(torch.matmul(scores.sub_(norms.unsqueeze(3)).exp_(), v));
      lse.push_back(norms);
    }
    return new Tensor[] {torch.cat(out, 2), torch.cat(lse, 2)};
  }

  @Override
  public Tensor[] backward(
      Tensor gradOut, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, boolean causal) {
    TensorVector gradQ = new TensorVector();
    Tensor gradK = torch.zeros_like(k);
    Tensor gradV = torch.zeros_like(v);
    Scalar scale = new Scalar(1 / Math.sqrt(q.size(3)));
    long block = block(q, k);
    for (long from = 0; from < q.size(2); from += block) {
      long rows = Math.min(block, q.size(2) - from);
      Tensor dO = gradOut.narrow(2, from, rows);
      Tensor delta = dO.mul(out.narrow(2, from, rows)).sum(3).unsqueeze(3);
      Tensor p =
          scores(q, k, from, rows, causal).sub_(lse.narrow(2, from, rows).unsqueeze(3)).exp_();
      gradV.add_(torch.matmul(p.transpose(2, 3), dO));
      Tensor dS = torch.matmul(dO, v.transpose(2, 3)).sub_(delta).mul_(p).mul_(scale);
      gradQ.push_back(torch.matmul(dS, k));
      gradK.add_(torch.matmul(dS.transpose(2, 3), q.narrow(2, from, rows)));
    }
    return new Tensor[] {torch.cat(gradQ, 2), gradK, gradV};
  }

  private static long block(Tensor q, Tensor k) {
    return Math.clamp(
        SCORES / Math.max(1, k.size(0) * k.size(1) * k.size(2)), 1, Math.max(1, q.size(2)));
  }

  /// [b, H, rows, m]; -inf where a causal query does not look.
  private static Tensor scores(Tensor q, Tensor k, long from, long rows, boolean causal) {
    Tensor scores =
        torch
            .matmul(q.narrow(2, from, rows), k.transpose(2, 3))
            .mul_(new Scalar(1 / Math.sqrt(q.size(3))));
    if (!causal) {
      return scores;
    }
    Tensor later =
        torch.ones_like(scores.select(0, 0).select(0, 0)).triu(from + 1).to(ScalarType.Bool);
    return scores.masked_fill_(later, new Scalar(Double.NEGATIVE_INFINITY));
  }
}
