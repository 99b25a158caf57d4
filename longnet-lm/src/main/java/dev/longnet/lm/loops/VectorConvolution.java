// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.RowMoves.read;
import static dev.longnet.lm.loops.RowMoves.target;
import static dev.longnet.lm.loops.RowMoves.written;

/// [RowLoops#convolve] in vector registers. The K rows that a row needs stay in the first cache: a
/// window moves over them, and each row is widened, or turned back, once.
final class VectorConvolution {
  private final int width;
  private final long bytes;
  private final int count;
  private final int pairs;
  private final long factors;

  /// Slots of a row's factors, spread out.
  private final long real;

  private final long imaginary;
  private final long zeros;

  /// Slots of rows on their way through the window: row r has slot r mod K where it does not lie in
  /// memory as loops read it.
  private final RowScratch scratch;

  /// Where row r mod K of the window is.
  private final long[] place;

  /// The window's rows, the earliest first.
  private final long[] window;

  /// Their weights.
  private final long[] weights;

  private int slots;

  private VectorConvolution(RowScratch scratch, RowBlock taps, long factors, int pairs) {
    this.scratch = scratch;
    this.width = taps.width();
    this.bytes = Lanes.bytes(width);
    this.count = taps.rows();
    this.factors = factors;
    this.pairs = pairs;
    this.slots = count;
    this.real = slot();
    this.imaginary = slot();
    this.zeros = slot();
    MoveLoops.clear(zeros, bytes);
    this.place = new long[count];
    this.window = new long[count];
    this.weights = new long[count];
    for (int j = 0; j < count; j++) {
      place[j] = zeros;
      weights[j] = read(taps, j, slot());
    }
  }

  private long slot() {
    return scratch.slot(slots++);
  }

  static void forward(
      RowBlock x, long shift, RowBlock taps, long factors, int pairs, RowBlock out) {
    RowScratch scratch = RowScratch.of(3 * taps.rows() + 6, taps.width());
    new VectorConvolution(scratch, taps, factors, pairs).run(x, shift, out);
  }

  private void run(RowBlock x, long shift, RowBlock out) {
    long[] shifts = shifts(read(shift, width, slot()));
    long sum = slot();
    long slot = slot();
    int before = x.rows() - out.rows();
    for (int r = 0; r < x.rows(); r++) {
      place[r % count] = read(x, r, scratch.slot(r % count));
      if (r < before) {
        continue;
      }
      for (int j = 0; j < count; j++) {
        window[j] = place[(r + 1 + j) % count];
      }
      weigh(sum);
      long to = target(out, r - before, slot);
      rotate(sum, shifts[Math.min(r, count - 1)], r - before, 1, to);
      written(out, r - before, slot);
    }
  }

  /// What the shift adds to a row that has so many rows before it: the shift times the sum of their
  /// taps and its own.
  private long[] shifts(long shift) {
    long[] shifts = new long[count];
    long before = zeros;
    for (int i = 0; i < count; i++) {
      shifts[i] = slot();
      RotationLoops.shift(zeros, before, bytes, shifts[i]);
      ConvolutionLoops.addOne(shift, weights[count - 1 - i], bytes, shifts[i]);
      before = shifts[i];
    }
    return shifts;
  }

  /// y = the sum of the window's rows times their weights, two of them in a pass over y.
  private void weigh(long y) {
    ConvolutionLoops.two(window[0], weights[0], window[1], weights[1], bytes, y);
    int j = 2;
    for (; j + 1 < count; j += 2) {
      ConvolutionLoops.addTwo(window[j], weights[j], window[j + 1], weights[j + 1], bytes, y);
    }
    if (j < count) {
      ConvolutionLoops.addOne(window[j], weights[j], bytes, y);
    }
  }

  /// Adds x times each of the window's rows to its sums.
  private void correlate(long x, long[] sums) {
    int j = 0;
    for (; j + 1 < count; j += 2) {
      ConvolutionLoops.correlateTwo(x, window[j], window[j + 1], bytes, sums[j], sums[j + 1]);
    }
    if (j < count) {
      ConvolutionLoops.addOne(x, window[j], bytes, sums[j]);
    }
  }

  /// y = (x + shift) times the factors of row t, or, with sign -1, their conjugates.
  private void rotate(long x, long shift, int t, float sign, long y) {
    if (factors == 0) {
      RotationLoops.shift(x, shift, bytes, y);
      return;
    }
    long own = factors + 8L * t * pairs;
    long head = RotationLoops.spread(own, pairs, width, sign, real, imaginary);
    for (long i = 0; i < 4L * width; i += head) {
      RotationLoops.rotate(x + i, shift + i, head, real, imaginary, y + i);
    }
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
    RowScratch scratch = RowScratch.of(4 * taps.rows() + 9, taps.width());
    new VectorConvolution(scratch, taps, factors, pairs)
        .run(gradOut, x, shift, gradX, gradTaps, gradShift);
  }

  private void run(
      RowBlock gradOut, RowBlock x, long shift, RowBlock gradX, RowBlock gradTaps, long gradShift) {
    ColumnSums[] sums = new ColumnSums[count];
    long[] groups = new long[count];
    for (int j = 0; j < count; j++) {
      sums[j] = sums();
      groups[j] = sums[j].group();
    }
    ColumnSums shifts = sums();
    long s = read(shift, width, slot());
    long shifted = slot();
    long slot = slot();
    int next = 0;
    for (int t = 0; t < x.rows(); t++) {
      for (; next < t + count; next++) {
        place[next % count] = next < gradOut.rows() ? turnedBack(gradOut, next, slot) : zeros;
      }
      // A weight met the row as many rows later as it stands before the last one.
      for (int j = 0; j < count; j++) {
        window[j] = place[(t + count - 1 - j) % count];
      }
      RotationLoops.shift(read(x, t, slot), s, bytes, shifted);
      correlate(shifted, groups);
      long to = target(gradX, t, slot);
      weigh(to);
      shifts.add(to);
      written(gradX, t, slot);
      for (ColumnSums one : sums) {
        one.rowDone(t);
      }
      shifts.rowDone(t);
    }
    for (int j = 0; j < count; j++) {
      sums[j].addTo(gradTaps.row(j));
    }
    shifts.addTo(gradShift);
  }

  /// Row r of the gradient before its rotation.
  private long turnedBack(RowBlock gradOut, int r, long slot) {
    long own = scratch.slot(r % count);
    if (factors == 0) {
      return read(gradOut, r, own);
    }
    rotate(read(gradOut, r, slot), zeros, r, -1, own);
    return own;
  }

  private ColumnSums sums() {
    int first = slots;
    slots += 2;
    return ColumnSums.of(scratch, first, width);
  }
}
