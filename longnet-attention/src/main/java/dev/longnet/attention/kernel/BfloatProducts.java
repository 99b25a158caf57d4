package dev.longnet.attention.kernel;

/// Products of bfloat16 matrices with float32 sums, where a machine has units for them (Intel's
/// AMX) and a library at hand that drives them. With one in
/// [dev.longnet.attention.kernel.AttentionOptions#products], bfloat16 tensors are folded through
/// it.
///
/// Memory is off heap, by address; the caller has checked it. Any number of threads may call one
/// instance at once. Keep one instance: kernels, with their working memory, are kept for each.
public interface BfloatProducts {
  /// Folds go through products where D is a multiple of this.
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

  /// What this thread keeps for the next product (the units' state) may go: somebody else may use
  /// the units.
  default void release() {}

  /// For logs and benchmarks: `AMX`.
  String description();
}
