// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import dev.longnet.attention.kernel.AttentionKernel;
import dev.longnet.attention.kernel.KernelChoice;
import dev.longnet.core.config.Activation;
import dev.longnet.core.io.EnvironmentException;
import java.util.Optional;

/// The arithmetic of one forward pass, on addresses of off-heap float32 memory. Strides and lengths
/// count floats. Stateless; any number of threads may call one instance on disjoint outputs.
/// Callers vouch for bounds.
public sealed interface Kernels permits ScalarKernels, SimdKernels {
  /// Outputs in one panel of a [PackedMatrix] for these kernels.
  int panelWidth();

  /// Floats of scratch that [#product] needs.
  int productScratch();

  /// `y[t, n] = sum_k x[t, k] W[n, k] + b[n]` for `rows` rows t and the outputs n of panels
  /// `[fromPanel, toPanel)`.
  ///
  /// @param y address of (row 0, output 0), whatever `fromPanel` is
  void product(
      long x,
      long xStride,
      int rows,
      PackedMatrix w,
      int fromPanel,
      int toPanel,
      long y,
      long yStride,
      long scratch);

  /// y = (x - mean) / sqrt(variance + 1e-5) * gain + bias, row by row; y may be x.
  void layerNorm(
      long x, long xStride, int rows, int width, long gain, long bias, long y, long yStride);

  /// x = a(x), to float32's rounding.
  void activate(Activation a, long x, long count);

  /// y += x
  void add(long x, long y, long count);

  /// x *= factors, row by row: `rows` rows of `width` neighbouring numbers.
  void scaleRows(long x, long rows, int width, long factors);

  /// Rotates the pairs (2i, 2i + 1) of every head of every row: x = x * cos + swapped(x) * sin.
  ///
  /// @param cos [rows, D]: the cosine of a pair, twice (times decay)
  /// @param sin [rows, D]: minus the sine, then the sine of a pair (times decay)
  void rotate(long x, long xStride, int rows, int heads, int headSize, long cos, long sin);

  /// A causal depthwise convolution of rows in place: `x[t] = sum_j taps[j] x[t + j - count + 1]`,
  /// column by column, on rows as they were.
  ///
  /// @param columns of each row
  /// @param taps [count, columns]
  /// @param past [count - 1, columns]: the rows before the first
  /// @param stride of taps and past
  void convolve(
      long x, long xStride, int rows, int columns, long taps, int count, long past, long stride);

  /// log sum_i exp(x_i)
  float logSumExp(long x, int count);

  /// One query against `count` keys that lie one after another ([count, D]); folds into
  /// accumulators of online softmax.
  ///
  /// @param scale of the scores
  /// @param scores scratch, `count` floats
  /// @param out `[D]`: sum_i exp(s_i - m) v_i so far
  /// @param maxAndSum two floats: m, the largest score so far (-inf at first), and sum_i exp(s_i -
  ///   m)
  void attend(
      long q,
      long k,
      long v,
      long count,
      int headSize,
      float scale,
      long scores,
      long out,
      long maxAndSum);

  /// Kernel and vector width, for logs: `scalar`, `simd 512-bit`.
  String description();

  /// AUTO takes the vector kernels where this JVM runs them, else the scalar ones, and says so once
  /// with the remedy. SIMD refuses where it does not.
  static Kernels of(KernelChoice choice) {
    return switch (choice) {
      case SCALAR -> new ScalarKernels();
      case AUTO ->
          AttentionKernel.vectorsMissing()
              .<Kernels>map(ScalarKernels::instead)
              .orElseGet(SimdKernels::new);
      case SIMD -> {
        Optional<String> missing = AttentionKernel.vectorsMissing();
        if (missing.isPresent()) {
          throw new EnvironmentException("the vector kernels were asked for, but " + missing.get());
        }
        yield new SimdKernels();
      }
    };
  }
}
