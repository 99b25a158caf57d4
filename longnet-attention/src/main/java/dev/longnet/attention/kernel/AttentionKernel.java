// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import java.lang.foreign.MemorySegment;
import java.util.Optional;

/// The one primitive of the project: it folds the attention of some query rows to some key rows
/// into accumulators (O, LSE).
///
/// Queries and keys are rows of one head, each with memory and positions of their own. So the same
/// call serves the branches of a sequence, keys gathered from other ranks and keys cached by a
/// stream, in any order. The causal test compares positions: a query sees a key iff `key position
/// <= query position`. Scores are q·k / sqrt(D).
///
/// The accumulators are those of online softmax. LSE is the natural log of the sum of exp(score)
/// over all keys folded so far, and O is the softmax average of their values. LSE starts at -inf. O
/// need not be initialised, as it is not read where LSE is -inf. A row that sees no key keeps (O,
/// LSE) as they were.
///
/// Any number of threads may call one instance on disjoint accumulators. Results do not depend on
/// the thread that computes them. The caller keeps all memory alive during a call. A call on an
/// interrupted thread stops with [java.util.concurrent.CancellationException]; the interrupt status
/// stays set, and the accumulators are unspecified.
public sealed interface AttentionKernel permits ScalarKernel, SimdKernel {

  /// Folds keys into (O, LSE): with s = q·k / sqrt(D), LSE' = log(exp(LSE) + sum exp(s)), O' =
  /// exp(LSE - LSE') O + sum exp(s - LSE') v.
  ///
  /// @param q query rows
  /// @param k key rows
  /// @param v value rows, as many as keys, at the keys' positions
  /// @param out float32, one row per query, updated; float64 where all rows are
  /// @param lse one per query, updated; float64 when several folds follow one another (see
  ///   [RowScalars])
  void fold(HeadRows q, HeadRows k, HeadRows v, boolean causal, HeadRows out, RowScalars lse);

  /// Adds the gradients of one fold: with the joint P = exp(s - LSE) and dS = P (dO·v - delta),
  /// gradQ += dS k / sqrt(D), gradK += dS^T q / sqrt(D), gradV += P^T dO. Rows whose LSE is -inf
  /// take no part.
  ///
  /// @param gradOut dO, one row per query
  /// @param lse the joint log-sum-exp after all folds, one per query
  /// @param delta sum_d dO O with the joint O, one per query
  /// @param gradients where to add, or to put them; absent ones are not computed
  void foldBackward(
      HeadRows q,
      HeadRows k,
      HeadRows v,
      boolean causal,
      HeadRows gradOut,
      RowScalars lse,
      RowScalars delta,
      FoldGradients gradients);

  /// delta = sum_d dO O for every row.
  ///
  /// @param gradOut dO
  /// @param out O, as many rows
  /// @param delta overwritten, one per row
  default void delta(HeadRows gradOut, HeadRows out, RowScalars delta) {
    FoldChecks.delta(gradOut, out, delta);
    for (long i = 0; i < out.count(); i++) {
      double sum = 0;
      for (int d = 0; d < out.headSize(); d++) {
        sum += gradOut.get(i, d) * out.get(i, d);
      }
      delta.set(i, sum);
    }
  }

  /// Copies rows, converting between element types.
  default void copy(HeadRows from, HeadRows to) {
    FoldChecks.copy(from, to);
    if (from.type() == ElementType.FLOAT64 && to.type() == ElementType.FLOAT64) {
      double[] row = new double[from.headSize()];
      for (long i = 0; i < from.count(); i++) {
        from.read(i, row);
        to.write(i, row);
      }
      return;
    }
    float[] row = new float[from.headSize()];
    for (long i = 0; i < from.count(); i++) {
      from.read(i, row, 0);
      to.write(i, row, 0);
    }
  }

  /// lse = norms, rounded to what it holds.
  ///
  /// @return whether every row has seen a key: no value is -inf
  default boolean round(RowScalars norms, RowScalars lse) {
    FoldChecks.round(norms, lse);
    boolean all = true;
    for (long i = 0; i < norms.count(); i++) {
      double norm = norms.get(i);
      lse.set(i, norm);
      all &= norm != Double.NEGATIVE_INFINITY;
    }
    return all;
  }

  /// Sets rows of float32 or float64 to 0.
  default void clear(HeadRows rows) {
    FoldChecks.clear(rows);
    for (long i = 0; i < rows.count(); i++) {
      long bytes = (long) rows.type().bytes() * rows.headSize();
      rows.data().asSlice(rows.byteOffset(i), bytes).fill((byte) 0);
    }
  }

  /// Reads memory to have it in the cache. This is a hint, which some kernels ignore, and which all
  /// ignore for memory on the heap.
  default void read(MemorySegment data, long offset, long bytes) {}

  /// The number of operations (4 D for each query and key) below which a helper thread costs more
  /// than it brings, on tensors of this type and head size. The default is a tenth of a millisecond
  /// of one core.
  default double worthAThread(ElementType type, int headSize) {
    return 8e6;
  }

  /// The kernel for folds of segments with so many keys: another one where this one's products
  /// would be slower than vector loops ([BfloatProducts#leastKeys]).
  ///
  /// @param keys of a whole segment, not of the part of it that a call folds: parts of one segment
  ///   must be computed alike
  default AttentionKernel forKeys(long keys) {
    return this;
  }

  /// Names kernel and vector width, for logs and benchmarks: `scalar`, `simd 512-bit`.
  String description();

  /// The kernel these options ask for. A forced choice that cannot run throws, with the remedy in
  /// the message.
  static AttentionKernel of(AttentionOptions options) {
    return KernelSelection.select(options);
  }

  /// Names what keeps vector kernels from running in this JVM, with its remedy. Empty where nothing
  /// does. Other families of vector kernels ask here too.
  static Optional<String> vectorsMissing() {
    return Optional.ofNullable(KernelSelection.missing());
  }
}
