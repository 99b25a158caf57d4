// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import dev.longnet.core.config.Activation;

/// What lies between two matrix products of a layer, row by row (a row is a token): every method
/// reads and writes each element once. Arithmetic is float32; rows are float32 or bfloat16 as their
/// block says, and a bfloat16 result is rounded once, at the end, to the nearest.
///
/// Addresses of vectors (gains, biases, sums) are of float32 in off-heap memory; 0 stands for none
/// where a method says so. A method that gives a gradient of a vector adds the sum over its rows,
/// so that several calls accumulate. Sums over a row or over rows are made in an order that the
/// shape alone decides.
///
/// Stateless; any number of threads may call one instance on disjoint outputs. Callers vouch for
/// bounds and for equal shapes.
public sealed interface RowLoops permits ScalarRowLoops, VectorRowLoops {
  /// LayerNorm's epsilon, torchscale's.
  float EPSILON = 1e-5f;

  /// out = LN(x) = (x - mean) / sqrt(variance + 1e-5) * gain + bias; out may be x where both have
  /// one type.
  void norm(RowBlock x, long gain, long bias, RowBlock out);

  /// The gradient of [#norm] with respect to x, and once more its result.
  ///
  /// @param gradOut of the loss with respect to LN(x)
  /// @param out overwritten with LN(x), or null; may not be gradOut
  /// @param gradX overwritten with the gradient, or, with `add`, increased by it; may be gradOut
  /// @param gradGain increased
  /// @param gradBias increased
  void normBackward(
      RowBlock x,
      long gain,
      long bias,
      RowBlock gradOut,
      @org.jspecify.annotations.Nullable RowBlock out,
      RowBlock gradX,
      boolean add,
      long gradGain,
      long gradBias);

  /// sum = x + (y + shift); sum may be x.
  ///
  /// @param x float32
  /// @param shift `[width]`, a linear layer's bias
  /// @param sum float32
  void add(RowBlock x, RowBlock y, long shift, RowBlock sum);

  /// [#add], then out = LN(sum).
  void addNorm(
      RowBlock x, RowBlock y, long shift, RowBlock sum, long gain, long bias, RowBlock out);

  /// out = LN(a(x + shift)).
  void activateNorm(Activation a, RowBlock x, long shift, long gain, long bias, RowBlock out);

  /// The gradient of [#activateNorm] with respect to x, and once more its result.
  ///
  /// @param gradOut of the loss with respect to out
  /// @param out overwritten with LN(a(x + shift)); may not be gradOut
  /// @param gradX overwritten; may be gradOut
  /// @param gradShift increased by the sum over rows of gradX, before its rounding
  void activateNormBackward(
      Activation a,
      RowBlock x,
      long shift,
      long gain,
      long bias,
      RowBlock gradOut,
      RowBlock out,
      RowBlock gradX,
      long gradShift,
      long gradGain,
      long gradBias);

  /// out = x, rounded to out's type.
  ///
  /// @param sums `[width]`, increased by the sum over rows of x; or 0
  void copy(RowBlock x, RowBlock out, long sums);

  /// x = (x + shift) rotated, in place: each pair (x_2i, x_2i+1) is a complex number, and is
  /// multiplied by the row's factor i mod `pairs`.
  ///
  /// @param x `[rows, heads * 2 pairs]`
  /// @param factors `[rows, pairs]` complex numbers, real part first; row t belongs to row t of x.
  ///   0: factors of 1
  /// @param pairs of a head, or of the whole row; ignored without factors
  void rotate(RowBlock x, long shift, long factors, int pairs);

  /// The gradient of [#rotate], in place: x is multiplied by the conjugate factors.
  ///
  /// @param gradShift increased by the sum over rows of the result, before its rounding
  void rotateBackward(RowBlock x, long factors, int pairs, long gradShift);

  /// A causal convolution over rows, column by column, then [#rotate]'s rotation: the sum over j of
  /// `taps[j] (x[t + j - K + 1] + shift)`, where rows before x's first count nothing.
  ///
  /// @param x `[before + rows, width]`: `before` rows are those in front of out's first
  /// @param taps `[K, width]` float32, K at least 2; the last one is for the row itself
  /// @param factors of out's rows
  /// @param out `[rows, width]`, overwritten; may not be x
  void convolve(RowBlock x, long shift, RowBlock taps, long factors, int pairs, RowBlock out);

  /// The gradient of [#convolve].
  ///
  /// @param gradOut `[rows + after, width]`: `after` rows are those behind x's last
  /// @param x `[rows, width]`
  /// @param factors of gradOut's rows
  /// @param gradX `[rows, width]`, overwritten; may be x
  /// @param gradTaps `[K, width]` float32, increased
  /// @param gradShift increased by the sum over rows of gradX, before its rounding
  void convolveBackward(
      RowBlock gradOut,
      RowBlock x,
      long shift,
      RowBlock taps,
      long factors,
      int pairs,
      RowBlock gradX,
      RowBlock gradTaps,
      long gradShift);

  /// Adds rows to others, one after another: `sums[row[t]] += x[t]`.
  ///
  /// @param rows `[n]` int64
  /// @param x `[n, width]` float32
  /// @param sums `[m, width]` float32
  /// @throws IndexOutOfBoundsException for a number that is none of sums' rows
  void addAt(long rows, RowBlock x, RowBlock sums);

  /// Cross-entropy of logits: `losses[t] = log sum_v exp(x[t, v]) - x[t, target[t]]`.
  ///
  /// @param x `[rows, V]`; where weight is not 0 overwritten with the gradient of weight times the
  ///   sum of the losses, `weight * (softmax(x[t]) - onehot(target[t]))`
  /// @param targets `[rows]` int64
  /// @param losses `[rows]` float32
  void crossEntropy(RowBlock x, long targets, long losses, float weight);

  /// sum_i x_i^2 in float64.
  double squares(long x, long count);

  /// Adam or AdamW (decoupled decay), one pass: the gradient is scaled by `gradientScale` first.
  ///
  /// @param count of values, gradients, first and second moments
  /// @param step the rule's numbers at this step
  void adam(long values, long gradients, long first, long second, long count, AdamStep step);

  /// Names the kernel and its width in one line.
  String description();

  /// The vector loops where this JVM runs them, else the scalar ones.
  static RowLoops best() {
    return dev.longnet.attention.kernel.AttentionKernel.vectorsMissing().isEmpty()
        ? new VectorRowLoops()
        : new ScalarRowLoops();
  }
}
