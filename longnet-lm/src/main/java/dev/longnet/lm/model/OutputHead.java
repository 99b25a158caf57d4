// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.ModelConfig;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;
import org.bytedeco.pytorch.global.torch.ScalarType;
import org.jspecify.annotations.Nullable;

/// Final norm, output projection, and the cross-entropy of its logits, `lossChunk` tokens at a
/// time: [T, V] logits never exist. In float32:
///
///     loss_t = lse_t - logit_t[target],   lse_t = log sum_v exp(logit_t[v])
///     d loss_t / d logit_t = softmax(logit_t) - onehot(target)
final class OutputHead implements AutoCloseable {
  private final Parameters parameters;
  private final Workspace workspace;
  private final ScalarType product;
  private final int vocabulary;
  private final int hidden;
  private final int lossChunk;
  private final Norm norm;
  private final Linear projection;

  OutputHead(Parameters parameters, Workspace workspace, ModelConfig config, ModelOptions options) {
    this.parameters = parameters;
    this.workspace = workspace;
    this.product = Types.product(options.precision());
    this.vocabulary = config.vocabulary();
    this.hidden = config.hidden();
    this.lossChunk = options.lossChunk();
    this.norm = new Norm(parameters, "layer_norm");
    this.projection =
        new Linear(
            parameters,
            config.tiedOutput() ? "embed_tokens" : "output_projection",
            false,
            options.precision());
  }

  /// @param x [T, C] float32
  /// @return LN(x) [T, C] float32, the caller's
  Tensor normed(Tensor x) {
    return norm.forward(x).out();
  }

  /// @param x [T, C] float32
  /// @return [T, V] float32, the caller's
  Tensor logits(Tensor x) {
    Tensor out = parameters.empty(ScalarType.Float, x.size(0), vocabulary);
    for (long at = 0; at < x.size(0); at += lossChunk) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        long rows = Math.min(lossChunk, x.size(0) - at);
        Tensor n = Types.cast(norm.forward(x.narrow(0, at, rows)).out(), product);
        Tensor slice = out.narrow(0, at, rows);
        if (product == ScalarType.Float) {
          projection.forward(n, slice);
        } else {
          Tensor narrow = workspace.take(product, rows, vocabulary);
          projection.forward(n, narrow);
          slice.copy_(narrow);
        }
      }
    }
    return out;
  }

  /// Negative log-likelihoods `[T]` float32, the caller's.
  ///
  /// @param x [T, C] float32
  /// @param targets `[T]` int64
  Tensor losses(Tensor x, Tensor targets) {
    return losses(x, targets, null, null);
  }

  /// As [#losses], and adds to `share` [1] float64 how much of all predictions' probability goes to
  /// some ids.
  ///
  /// @param ids `[n]` int64
  Tensor losses(Tensor x, Tensor targets, @Nullable Tensor ids, @Nullable Tensor share) {
    Tensor losses = parameters.empty(ScalarType.Float, x.size(0));
    for (long at = 0; at < x.size(0); at += lossChunk) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        long rows = Math.min(lossChunk, x.size(0) - at);
        Tensor n = Types.cast(norm.forward(x.narrow(0, at, rows)).out(), product);
        Tensor logits = workspace.take(product, rows, vocabulary);
        projection.forward(n, logits);
        Tensor probabilities =
            softmax(logits, targets.narrow(0, at, rows), losses.narrow(0, at, rows));
        if (ids != null && share != null) {
          share.add_(probabilities.index_select(1, ids).sum(Decoder.SUM_TYPE));
        }
      }
    }
    return losses;
  }

  /// As [#losses], and adds the parameters' gradients of `weight` times the sum of the losses.
  ///
  /// @param gradient [T, C] float32, overwritten with the gradient with respect to x
  Tensor lossesAndGradients(Tensor x, Tensor targets, double weight, Tensor gradient) {
    Tensor losses = parameters.empty(ScalarType.Float, x.size(0));
    for (long at = 0; at < x.size(0); at += lossChunk) {
      try (PointerScope _ = new PointerScope();
          Workspace.Frame _ = workspace.frame()) {
        long rows = Math.min(lossChunk, x.size(0) - at);
        Tensor input = x.narrow(0, at, rows);
        Tensor target = targets.narrow(0, at, rows);
        Norm.Result normed = norm.forward(input);
        Tensor n = Types.cast(normed.out(), product);
        Tensor logits = workspace.take(product, rows, vocabulary);
        projection.forward(n, logits);
        Tensor probabilities = softmax(logits, target, losses.narrow(0, at, rows));
        Tensor column = target.unsqueeze(1);
        probabilities.scatter_(1, column, probabilities.gather(1, column).sub_(new Scalar(1)));
        projection.backwardParameters(n, probabilities.mul_(new Scalar(weight)));
        Tensor gradNormed = workspace.take(product, rows, hidden);
        projection.backwardInput(probabilities, gradNormed);
        gradient
            .narrow(0, at, rows)
            .copy_(norm.backward(Types.cast(gradNormed, ScalarType.Float), input, normed));
      }
    }
    return losses;
  }

  /// @return softmax(logits) in the products' type: `logits` itself, overwritten, or a buffer
  private Tensor softmax(Tensor logits, Tensor targets, Tensor losses) {
    Tensor wide = logits;
    if (product != ScalarType.Float) {
      wide = workspace.take(ScalarType.Float, logits.size(0), vocabulary);
      wide.copy_(logits);
    }
    Tensor target = wide.gather(1, targets.unsqueeze(1)).squeeze(1);
    Tensor largest = wide.amax(new long[] {1}, false);
    torch.softmax_out(wide, wide, 1);
    // p_max = exp(max - lse) is at least 1 / V, so its logarithm gives lse to float32 rounding.
    Tensor lse = largest.sub(wide.amax(new long[] {1}, false).log_());
    torch.sub_out(losses, lse, target);
    return wide == logits ? logits : logits.copy_(wide);
  }

  void prepare() {
    projection.prepare();
  }

  @Override
  public void close() {
    projection.close();
    norm.close();
  }
}
