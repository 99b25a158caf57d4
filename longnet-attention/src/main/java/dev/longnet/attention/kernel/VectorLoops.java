// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

/// The inner loops of [SimdKernel] over addresses of off-heap scratch. There is one subclass per
/// register width; `VectorLoopsGenerator` (src/test) writes them. Elements are float32 where
/// nothing else is said. D below is the head size. Packed rows are padded to whole registers.
///
/// - *Rows* are row-major.
/// - A *panel* holds [#panelKeys] rows d-major, so that one load brings one element of neighbouring
///   keys.
/// - A *tile* is [#TILE_ROWS] rows of results.
@SuppressWarnings("FloatingPointLiteralPrecision") // the fitted digits stand here
abstract class VectorLoops {
  /// Rows of a tile. With 4 registers a row, 24 accumulators, 4 columns and a broadcast fill
  /// AVX-512's 32 registers.
  static final int TILE_ROWS = 6;

  /// Keys scored at a time: the row length of scores, P and dS.
  static final int KEYS = 384;

  static final float LOG2E = 1.4426950408889634f;

  /// 2^f on [-1/2, 1/2], degree 5, minimax with p(0) = 1: relative error below 9e-8.
  static final float EXP5 = 1.326472464e-03f;

  static final float EXP4 = 9.671512952e-03f;
  static final float EXP3 = 5.550733752e-02f;
  static final float EXP2 = 2.402224208e-01f;
  static final float EXP1 = 6.931469776e-01f;

  /// Adding and subtracting 1.5 · 2^23 rounds to an integer, which also stands in the low bits of
  /// the sum.
  static final float ROUND = 12582912f;

  /// The bits of -127f. As unsigned integers, negative floats grow downwards, so one UMIN clamps at
  /// -127 and leaves small positive values alone. 2^-127 comes out as 0.
  static final int SMALLEST = 0xC2FE0000;

  /// A shift follows the row maximum only when that has grown by more: sums may reach e^4 times
  /// their keys' number.
  static final float SLACK = 4f;

  /// Half of what rounding to bfloat16 cuts off.
  static final int HALF = 0x8000;

  /// The lower one of two bfloat16 in 32 bits.
  static final int LOWER = 0xFFFF;

  /// The higher one.
  static final int HIGHER = 0xFFFF0000;

  /// Below every score; finite, so that -inf minus it stays -inf.
  static final float LOWEST = -1e30f;

  final int lanes;
  final int panelKeys;

  /// Bytes of a register.
  ///
  /// This, [#columnBytes] and [#four] are steps of loops, and not final so that C2 does not take
  /// them for constants. It would count the turns and, before the first, work out limits for every
  /// address in the loop, twenty instructions each. That takes longer than many of these loops do.
  /// As it is, an address costs one comparison a turn.
  long registerBytes;

  /// Bytes of a panel's column, which are those of a panel's scores in a row.
  long columnBytes;

  /// How many rows are transposed together.
  int four = 4;

  VectorLoops(int lanes, int vectors) {
    this.lanes = lanes;
    this.panelKeys = lanes * vectors;
    this.registerBytes = lanes * 4L;
    this.columnBytes = panelKeys * 4L;
  }

  /// `to[i][key] = sum_d rows[i][d] panels[d][key]` for a tile of rows and `count` whole panels;
  /// `max` is raised, lane by lane.
  ///
  /// @param to rows of [#KEYS]
  /// @param max one register per row
  abstract void scores(
      long rows,
      long rowBytes,
      long panels,
      long panelBytes,
      long to,
      int count,
      int size,
      long max);

  /// As [#scores] without the maximum, and for `count` registers of keys.
  abstract void products(
      long rows, long rowBytes, long panels, long panelBytes, long to, int count, int size);

  /// Raises `max` as [#scores] does, by the keys that each row sees from register `open` on.
  ///
  /// @param count how many registers have scores
  /// @param limits row i sees the keys before `limits[first + i] - from`
  abstract void maskedMax(
      long scores, int open, int count, int[] limits, int first, int from, long max);

  /// Raises `max` as [#scores] does, by the first `count` registers, then scales it.
  abstract void maxima(long scores, int count, float scale, long max);

  /// Where a row's maximum has outgrown its shift, the shift follows, and `factors` says by what
  /// the row's past sums shrink.
  ///
  /// @param shifts those of the tile's rows; whole registers of them are read and written, the
  ///   others as they are
  /// @param factors whole registers of them are written
  abstract void shift(long max, long shifts, long factors);

  /// scores = exp(scores - shift), row by row. Keys that the row does not see get 0, as does the
  /// rest of the last half of a panel.
  ///
  /// @param open how many registers from the first are of keys that all rows see: whole panels
  /// @param count how many registers have scores
  /// @param sums one register per row: shrinks by its factor, then grows by the exponentials
  abstract void softmax(
      long scores,
      int open,
      int count,
      int[] limits,
      int first,
      int from,
      long shifts,
      long factors,
      long sums);

  /// scores = P = exp(scores - shift); grads = dS = P (grads - delta); `count` registers: whole
  /// panels.
  abstract void gradients(long scores, long grads, int count, long shifts, long deltas);

  /// As [#gradients], from register `from` on. Keys that the row does not see get 0, as does the
  /// rest of the last half of a panel.
  ///
  /// @param limits row i sees the keys before `limits[first + i] - key`
  abstract void maskedGradients(
      long scores,
      long grads,
      int from,
      int count,
      int[] limits,
      int first,
      int key,
      long shifts,
      long deltas);

  /// tile `to = weights rows`, with weights `[tile][count]` in rows of [#KEYS] and rows
  /// `[count][size]`.
  abstract void mix(long weights, long rows, long rowBytes, long to, int count, int size);

  /// tile `to = weights^T rows`, with weights `[count][tile]` in rows of [#KEYS] and rows
  /// `[count][size]`.
  abstract void mixColumns(long weights, long rows, long rowBytes, long to, int count, int size);

  /// to = factor to + tile, row by row.
  abstract void combine(long tile, long to, long factors, long rowBytes);

  /// to += tile.
  abstract void add(long tile, long to, long bytes);

  abstract void fill(long to, long bytes, float value);

  /// to = scale from; the padding stays as it is.
  abstract void packFloats(
      long from, long fromBytes, int count, int size, float scale, long to, long toBytes);

  /// to = scale from, widened from bfloat16.
  abstract void packBfloats(
      long from, long fromBytes, int count, int size, float scale, long to, long toBytes);

  /// Rounds one row to the nearest bfloat16, ties to even.
  abstract void roundToBfloats(long from, int size, long to);

  /// Makes one panel from `count` rows. The panel's other keys may hold anything, NaN too: whoever
  /// uses their scores hides them.
  abstract void transpose(long rows, long rowBytes, int count, int size, long panel);

  /// `totals[i]` becomes the sum of register i of `sums`, and `scales[i] = 1 / totals[i]`, for
  /// `count` registers. Whole registers of totals are written, and as many registers of `sums`
  /// read.
  abstract void totals(long sums, int count, long totals, long scales);

  /// `to[i] = factors[i] from[i]`, row by row.
  abstract void store(
      long from, long fromBytes, long to, long toBytes, int count, int size, long factors);

  /// `to[i] = keeps[i] to[i] + factors[i] from[i]`, row by row.
  abstract void blend(
      long from,
      long fromBytes,
      long to,
      long toBytes,
      int count,
      int size,
      long keeps,
      long factors);

  /// to = factor from, row by row.
  abstract void scale(
      long from, long fromBytes, long to, long toBytes, int count, int size, float factor);

  /// to += factor from, row by row.
  abstract void addScaled(
      long from, long fromBytes, long to, long toBytes, int count, int size, float factor);

  /// Writes one register per row, whose sum is `a[i] · b[i]`.
  abstract void dots(long a, long aBytes, long b, long bBytes, int count, int size, long sums);

  // ---- operands of bfloat16 products (BfloatProducts)

  /// Copies rows of `size` 32-bit elements.
  abstract void copy(long from, long fromBytes, int count, int size, long to, long toBytes);

  /// Row i of `to` gets the elements of row i of `first` and of row i of `second` in turns. Rows
  /// are bfloat16, of `size` times two elements.
  abstract void pairs(
      long first, long second, long fromBytes, int count, int size, long to, long toBytes);

  /// As [#softmax], but of `scale` times the scores, and into bfloat16 rows [#KEYS] long. They hold
  /// the keys of two registers in turns: of 2 `lanes` keys, places 2 i and 2 i + 1 have the weights
  /// of keys i and i + `lanes`. Keys that the row does not see get 0, as does the rest of the last
  /// two registers.
  ///
  /// @param open how many registers from the first are of keys that all rows see: an even number
  abstract void bfloatWeights(
      long scores,
      int open,
      int count,
      int[] limits,
      int first,
      int from,
      float scale,
      long shifts,
      long factors,
      long sums,
      long weights);

  /// P^T and dS^T, in bfloat16, of the queries in two registers and of `pairs` times two keys.
  /// Scores s and `grads` are transposed: rows of two panels' queries. P = exp(scale s - shift) and
  /// dS = P (grads - delta); both are 0 where the query's limit hides the key.
  ///
  /// @param key the number of the first key
  /// @param limits for each query, as floats, as shifts and deltas are: it sees the keys before
  /// @param weights P^T, queries of the two registers in turns; so `gradScores`, dS^T
  /// @param gradPairs dS^T again, two keys in turns for each query: rows of a panel's queries
  abstract void bfloatGradients(
      long scores,
      long grads,
      int pairs,
      float key,
      long limits,
      long shifts,
      long deltas,
      float scale,
      long weights,
      long gradScores,
      long gradPairs);
}
