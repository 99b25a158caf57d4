// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// Computes products of bfloat16 matrices with float32 sums. A library that drives a machine's
/// matrix units (Intel's AMX) or dot products (AVX-512 BF16) can implement it. The vector kernel
/// folds bfloat16 tensors through the instance in [AttentionOptions#products].
///
/// Memory is off heap and given by address; the caller has checked it. Any number of threads may
/// call one instance at once. A program should keep one instance, because a kernel with its working
/// memory is kept for each.
public interface BfloatProducts {
  /// Folds go through products only where D is a multiple of this.
  int HEAD_SIZE = 16;

  /// C = A B, or C += A B. A row's result must depend on the row and on B alone, not on how many
  /// rows there are, and zeros at the end of the sum must not change it.
  ///
  /// @param m rows of A and C: a multiple of 16
  /// @param n columns of B and C: 16, 32, 48 or 64
  /// @param k columns of A, rows of B: a multiple of 16
  /// @param a [m, k] bfloat16, rows `strideA` elements apart; like the others aligned to its
  ///   elements at least
  /// @param b [k / 2, n, 2] bfloat16: rows 2 i and 2 i + 1 of B in turns
  /// @param c [m, n] float32, rows `strideC` elements apart
  /// @param add whether to C
  void multiply(int m, int n, int k, long a, int strideA, long b, long c, int strideC, boolean add);

  /// Folds of segments with fewer keys are faster in vector loops.
  default int leastKeys() {
    return 0;
  }

  /// Says that this thread's state for the next product may go, because somebody else may use the
  /// units.
  default void release() {}

  /// For logs and benchmarks: `AMX`, `AVX-512 BF16`.
  String description();
}
