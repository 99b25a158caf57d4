// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.Workers;
import dev.longnet.attention.pattern.AttentionPattern;
import dev.longnet.attention.pattern.Rows;
import dev.longnet.core.config.AttentionConfig;
import java.util.OptionalLong;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/// Reproduces how torchscale pads a bidirectional sequence: a segment shorter than w, and one whose length r does not
/// divide, is filled up with keys and values of zeros, and these take part in the softmax. Such a key has score 0, so z
/// of them only add z to the denominator:
///
///     LSE' = log(exp(LSE) + z),   O' = O exp(LSE - LSE')
///
/// with z summed over the branches that keep the query. As LSE' and O' are the joint ones, the wrapped operator's exact
/// backward pass is exact here too (one whose mixing weights are detached is not).
///
/// For weights trained that way only.
final class ZeroPaddedKeys implements AttentionOperator {
  private final AttentionPattern pattern;
  private final AttentionOperator inner;

  private ZeroPaddedKeys(AttentionPattern pattern, AttentionOperator inner) {
    this.pattern = pattern;
    this.inner = inner;
  }

  /// The operator itself unless the configuration asks for zero keys. Behind a causal test nobody
  /// sees them.
  static AttentionOperator where(
      AttentionConfig config, boolean causal, AttentionOperator operator) {
    return !causal && config.zeroPaddedKeys()
        ? new ZeroPaddedKeys(config.pattern(false), operator)
        : operator;
  }

  @Override
  public Output forward(Tensor q, Tensor k, Tensor v) {
    Output output = inner.forward(q, k, v);
    correct(q, output);
    return output;
  }

  @Override
  public void forward(Tensor q, Tensor k, Tensor v, Output into) {
    inner.forward(q, k, v, into);
    correct(q, into);
  }

  private void correct(Tensor q, Output output) {
    try (PointerScope _ = new PointerScope()) {
      float[] logs = logs(q.size(1), (int) q.size(2));
      Tensor host = torch.empty(logs.length);
      host.data_ptr_float().put(logs, 0, logs.length);
      Tensor zeros =
          host.view(q.size(2), q.size(1)).to(output.lse().device(), output.lse().scalar_type());
      Tensor joint = torch.logaddexp(output.lse(), zeros);
      // A query that no branch keeps has -inf in both, and an output of 0.
      Tensor factor = torch.nan_to_num_(output.lse().sub_(joint).exp_());
      output.out().mul_(factor.transpose(1, 2).unsqueeze(3));
      output.lse().copy_(joint);
    }
  }

  /// log z [H, N].
  private float[] logs(long tokens, int heads) {
    int n = Math.toIntExact(tokens);
    float[] counts = new float[Math.multiplyExact(heads, n)];
    for (int branch = 0; branch < pattern.branches(); branch++) {
      long end = pattern.endSegment(branch, tokens, tokens);
      for (int head = 0; head < heads; head++) {
        for (long segment = 0; segment < end; segment++) {
          long zeros = pattern.paddingKeys(branch, segment, head, heads, tokens);
          Rows kept = pattern.fold(branch, segment, head, heads, tokens).queries();
          for (long i = 0; i < kept.count() && zeros > 0; i++) {
            counts[head * n + (int) kept.position(i)] += zeros;
          }
        }
      }
    }
    for (int i = 0; i < counts.length; i++) {
      counts[i] = (float) Math.log(counts[i]);
    }
    return counts;
  }

  @Override
  public Gradients backward(Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut) {
    return inner.backward(q, k, v, output, gradOut);
  }

  @Override
  public void backward(
      Tensor q, Tensor k, Tensor v, Output output, Tensor gradOut, Gradients into) {
    inner.backward(q, k, v, output, gradOut, into);
  }

  @Override
  public AttentionOperator over(Span span) {
    span.requireWholeSegments(OptionalLong.empty());
    return this;
  }

  @Override
  public void release() {
    inner.release();
  }

  @Override
  public AttentionOperator on(Workers workers) {
    return new ZeroPaddedKeys(pattern, inner.on(workers));
  }

  @Override
  public String describe() {
    return inner.describe() + ", torchscale_zero_padded_keys";
  }
}
