// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.ConvolutionLoops.TAPS;
import static dev.longnet.lm.loops.RowMoves.read;
import static dev.longnet.lm.loops.RowMoves.target;
import static dev.longnet.lm.loops.RowMoves.written;

/// [RowLoops#convolve] in vector registers: some rows at a time are widened into the near caches,
/// and loops go down their columns. Weights are taken four at a time, the earliest first; in front
/// of the first one stand zeros where their number is none of these.
final class VectorConvolution {
  /// As many as a sum over rows groups.
  private static final int ROWS = ColumnSums.GROUP_ROWS;

  private final RowScratch scratch;
  private final long step;
  private final int width;
  private final long bytes;

  /// Weights, and how many of them with the zeros before them.
  private final int count;

  private final int padded;

  private final long factors;
  private final int pairs;

  /// Slots: the rows that a pass reads, those it writes, their factors.
  private final long source;

  private final long result;
  private final long real;
  private final long imaginary;
  private final long weights;
  private final long zeros;

  private int slots;

  private VectorConvolution(RowBlock taps, long factors, int pairs) {
    this.width = taps.width();
    this.bytes = Lanes.bytes(width);
    this.count = taps.rows();
    this.padded = Math.ceilDiv(count, TAPS) * TAPS;
    this.factors = factors;
    this.pairs = pairs;
    this.scratch = RowScratch.of(5 * ROWS + 6 * padded + 8, width);
    this.step = scratch.slot(1) - scratch.slot(0);
    this.source = take(ROWS + padded - 1);
    this.result = take(ROWS);
    this.real = take(ROWS + padded - 1);
    this.imaginary = take(ROWS + padded - 1);
    this.weights = take(padded);
    this.zeros = take(1);
    MoveLoops.clear(zeros, bytes);
    for (int j = 0; j < padded; j++) {
      load(taps, j - (padded - count), weights + j * step);
    }
  }

  private long take(int rows) {
    long first = scratch.slot(slots);
    slots += rows;
    return first;
  }

  /// Copies row r to a slot; zeros where there is none.
  private void load(RowBlock rows, int r, long slot) {
    if (r < 0 || r >= rows.rows()) {
      MoveLoops.clear(slot, bytes);
      return;
    }
    long row = read(rows, r, slot);
    if (row != slot) {
      RowMoves.copy(row, slot, bytes);
    }
  }

  /// Writes the first rows of the result to rows from t on.
  private void store(RowBlock out, int t, int rows) {
    for (int i = 0; i < rows; i++) {
      long slot = result + i * step;
      long to = target(out, t + i, slot);
      if (to != slot) {
        RowMoves.copy(slot, to, bytes);
      } else {
        written(out, t + i, slot);
      }
    }
  }

  /// Multiplies rows of slots by the factors of rows from t on, or, with sign -1, their conjugates.
  private void turn(long first, int t, int rows, float sign) {
    if (factors == 0) {
      return;
    }
    long head = bytes;
    for (int i = 0; i < rows; i++) {
      long own = factors + 8L * (t + i) * pairs;
      head = RotationLoops.spread(own, pairs, width, sign, real + i * step, imaginary + i * step);
    }
    for (long c = 0; c < bytes; c += Lanes.step()) {
      ConvolutionLoops.turn(first + c, step, rows, real + c % head, imaginary + c % head);
    }
  }

  static void forward(
      RowBlock x, long shift, RowBlock taps, long factors, int pairs, RowBlock out) {
    new VectorConvolution(taps, factors, pairs).run(x, shift, out);
  }

  private void run(RowBlock x, long shift, RowBlock out) {
    long[] shifts = shifts(read(shift, width, take(1)));
    int before = x.rows() - out.rows();
    for (int t = 0; t < out.rows(); t += ROWS) {
      int rows = Math.min(ROWS, out.rows() - t);
      for (int i = 0; i < rows + padded - 1; i++) {
        load(x, before + t + i - (padded - 1), source + i * step);
      }
      for (int i = 0, some; i < rows; i += some) {
        int earlier = before + t + i;
        some = earlier < count - 1 ? 1 : rows - i;
        weigh(i, some, shifts[Math.min(earlier, count - 1)]);
      }
      turn(result, t, rows, 1);
      store(out, t, rows);
    }
  }

  /// Rows i … i + rows - 1 of the result.
  private void weigh(int i, int rows, long shift) {
    long y = result + i * step;
    for (int j = 0; j < padded; j += TAPS) {
      boolean last = j + TAPS == padded;
      for (long c = 0; c < bytes; c += Lanes.step()) {
        ConvolutionLoops.weigh(
            source + (i + j) * step + c,
            step,
            rows,
            weights + j * step + c,
            (j == 0 ? zeros : y) + c,
            j == 0 ? 0 : step,
            (last ? shift : zeros) + c,
            y + c);
      }
    }
  }

  /// What the shift adds to a row that has so many rows before it: the shift times the sum of their
  /// taps and its own.
  private long[] shifts(long shift) {
    long[] shifts = new long[count];
    long before = zeros;
    for (int i = 0; i < count; i++) {
      shifts[i] = take(1);
      MoveLoops.addProduct(before, shift, weights + (padded - 1 - i) * step, bytes, shifts[i]);
      before = shifts[i];
    }
    return shifts;
  }

  static void backward(
      RowBlock gradOut,
      RowBlock x,
      long shift,
      RowBlock taps,
      long factors,
      int pairs,
      RowBlock gradX,
      RowBlock gradTaps,
      long gradShift) {
    new VectorConvolution(taps, factors, pairs).run(gradOut, x, shift, gradX, gradTaps, gradShift);
  }

  private void run(
      RowBlock gradOut, RowBlock x, long shift, RowBlock gradX, RowBlock gradTaps, long gradShift) {
    long own = take(ROWS);
    long sums = take(padded);
    long total = take(1);
    long partial = take(1);
    for (int j = 0; j < padded; j++) {
      MoveLoops.clear(sums + j * step, bytes);
    }
    MoveLoops.clear(total, bytes);
    long s = read(shift, width, take(1));
    for (int t = 0; t < x.rows(); t += ROWS) {
      int rows = Math.min(ROWS, x.rows() - t);
      int later = Math.min(rows + padded - 1, gradOut.rows() - t);
      for (int i = 0; i < rows + padded - 1; i++) {
        load(gradOut, t + i, source + i * step);
      }
      turn(source, t, later, -1);
      for (int i = 0; i < rows; i++) {
        load(x, t + i, own + i * step);
      }
      for (int j = 0; j < padded; j += TAPS) {
        boolean last = j + TAPS == padded;
        for (long c = 0; c < bytes; c += Lanes.step()) {
          ConvolutionLoops.gradients(
              source + (padded - TAPS - j) * step + c,
              own + c,
              step,
              rows,
              weights + j * step + c,
              s + c,
              (j == 0 ? zeros : result) + c,
              j == 0 ? 0 : step,
              result + c,
              sums + j * step + c,
              (last ? total : partial) + c);
        }
      }
      store(gradX, t, rows);
    }
    for (int j = 0; j < count; j++) {
      RowMoves.increase(gradTaps.row(j), sums + (padded - count + j) * step, width);
    }
    RowMoves.increase(gradShift, total, width);
  }
}
