// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Activation;
import org.bytedeco.pytorch.Tensor;
import org.jspecify.annotations.Nullable;

/// What lies between two matrix products, on rows of tokens: [n, width] tensors whose rows are
/// contiguous, float32 or the products' type. On the CPU loops that read and write each element
/// once, on GPUs libtorch's operators. Vectors are float32 `[width]`. Safe for several threads on
/// disjoint rows.
///
/// Legend: LN the norm given, b a shift: what a linear layer has not yet added to its product, null
/// for nothing.
sealed interface Rowwise permits LoopRowwise, TorchRowwise {
  /// out = LN(x); out may be x where both have one type.
  void norm(Tensor x, Norm norm, Tensor out);

  /// The gradient of [#norm] with respect to x.
  ///
  /// @param gradOut of LN(x)
  /// @param out overwritten with LN(x), where it is needed again; or null
  /// @param gradX overwritten, or added to; may be gradOut
  /// @param gradGain added to
  /// @param gradBias added to
  void normBackward(
      Tensor x,
      Norm norm,
      Tensor gradOut,
      @Nullable Tensor out,
      Tensor gradX,
      boolean add,
      Tensor gradGain,
      Tensor gradBias);

  /// sum = x + (y + b); sum may be x.
  ///
  /// @param x float32, as sum
  void add(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum);

  /// sum = x + (y + b), out = LN(sum); sum may be x.
  void addNorm(Tensor x, Tensor y, @Nullable Tensor b, Tensor sum, Norm norm, Tensor out);

  /// out = LN(a(x + b)).
  void activateNorm(Activation a, Tensor x, @Nullable Tensor b, Norm norm, Tensor out);

  /// The gradient of [#activateNorm] with respect to x.
  ///
  /// @param gradOut of LN(a(x + b))
  /// @param out overwritten with LN(a(x + b))
  /// @param gradX overwritten; may be gradOut
  /// @param gradB added to
  void activateNormBackward(
      Activation a,
      Tensor x,
      @Nullable Tensor b,
      Norm norm,
      Tensor gradOut,
      Tensor out,
      Tensor gradX,
      Tensor gradB,
      Tensor gradGain,
      Tensor gradBias);

  /// out = x in out's type; out may be x.
  ///
  /// @param sums the sum over x's rows is added to it; or null
  void copy(Tensor x, Tensor out, @Nullable Tensor sums);

  /// x = (x + b), its pairs multiplied by complex factors, in place.
  ///
  /// @param x [n, H D]
  /// @param factors [n, P] complex64, repeated over a row: D/2 where heads are alike, else C/2;
  ///   null: none
  void rotate(Tensor x, @Nullable Tensor b, @Nullable Tensor factors);

  /// The gradient of [#rotate], in place.
  ///
  /// @param gradB the sum over the result's rows is added to it
  void rotateBackward(Tensor x, @Nullable Tensor factors, Tensor gradB);

  /// out = (x + b) convolved over its rows, column by column, then its pairs multiplied as by
  /// [#rotate]. Row t is the sum over j of `taps[j]` times row t - K + 1 + j.
  ///
  /// @param x [m, W]: the last n rows are out's tokens, those before the tokens before them; in
  ///   front of these nothing counts
  /// @param taps [K, W] float32; the last one is for the token itself
  /// @param factors of out's rows
  /// @param out [n, W], overwritten
  void convolve(Tensor x, @Nullable Tensor b, Tensor taps, @Nullable Tensor factors, Tensor out);

  /// The gradient of [#convolve].
  ///
  /// @param gradOut [m, W]: the first n rows are x's tokens, those behind the tokens after them
  /// @param x [n, W]
  /// @param factors of gradOut's rows
  /// @param gradX [n, W], overwritten; may be x
  /// @param gradTaps [K, W], added to
  /// @param gradB the sum over gradX' rows is added to it
  void convolveBackward(
      Tensor gradOut,
      Tensor x,
      @Nullable Tensor b,
      Tensor taps,
      @Nullable Tensor factors,
      Tensor gradX,
      Tensor gradTaps,
      Tensor gradB);

  /// Adds each row of x to the row of sums with the number that stands at its place, one after
  /// another.
  ///
  /// @param rows `[n]` int64, contiguous
  /// @param x [n, width] float32
  /// @param sums [m, width] float32
  void addAt(Tensor rows, Tensor x, Tensor sums);

  /// Negative log-likelihoods of targets.
  ///
  /// @param logits [n, V]; where weight is not 0 overwritten with the gradient of weight times
  ///   their sum, else with anything
  /// @param targets `[n]` int64
  /// @param losses `[n]` float32, overwritten, nats
  void crossEntropy(Tensor logits, Tensor targets, Tensor losses, double weight);

  /// One line for logs.
  String describe();
}
