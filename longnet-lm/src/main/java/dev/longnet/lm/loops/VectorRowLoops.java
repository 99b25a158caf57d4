// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Lanes.LANES;
import static dev.longnet.lm.loops.RowMoves.read;
import static dev.longnet.lm.loops.RowMoves.target;
import static dev.longnet.lm.loops.RowMoves.written;

import dev.longnet.core.config.Activation;
import org.jspecify.annotations.Nullable;

/// Loops in vector registers: each pass over a row is a short method of its own, the row stays in
/// the first cache from one to the next.
public final class VectorRowLoops implements RowLoops {
  private final ScalarRowLoops plain = new ScalarRowLoops();

  @Override
  public void norm(RowBlock x, long gain, long bias, RowBlock out) {
    int width = x.width();
    RowScratch scratch = RowScratch.of(4, width);
    long g = read(gain, width, scratch.slot(2));
    long b = read(bias, width, scratch.slot(3));
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(0));
      float sum = NormLoops.sum(row, Lanes.bytes(width));
      normalize(row, NormLoops.moments(row, width, sum), g, b, out, t, scratch.slot(1));
    }
  }

  private static void normalize(
      long row, long moments, long gain, long bias, RowBlock out, int t, long slot) {
    float mean = Moments.first(moments);
    float reciprocal = Moments.second(moments);
    long to = target(out, t, slot);
    NormLoops.normalize(row, Lanes.bytes(out.width()), mean, reciprocal, gain, bias, to);
    written(out, t, slot);
  }

  @Override
  public void normBackward(
      RowBlock x,
      long gain,
      long bias,
      RowBlock gradOut,
      @Nullable RowBlock out,
      RowBlock gradX,
      boolean add,
      long gradGain,
      long gradBias) {
    int width = x.width();
    long bytes = Lanes.bytes(width);
    RowScratch scratch = RowScratch.of(11, width);
    long g = read(gain, width, scratch.slot(0));
    long b = read(bias, width, scratch.slot(1));
    ColumnSums gains = ColumnSums.of(scratch, 2, width);
    ColumnSums biases = ColumnSums.of(scratch, 4, width);
    long normal = scratch.slot(6);
    long slot = scratch.slot(9);
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(7));
      long grad = read(gradOut, t, scratch.slot(8));
      long moments = NormLoops.moments(row, width, NormLoops.sum(row, bytes));
      float mean = Moments.first(moments);
      float r = Moments.second(moments);
      long y = out == null ? scratch.slot(10) : target(out, t, slot);
      long sums =
          NormLoops.gradients(
              row, bytes, mean, r, grad, g, b, normal, y, gains.group(), biases.group());
      if (out != null) {
        written(out, t, slot);
      }
      float sum = Moments.first(sums) / width;
      float product = Moments.second(sums) / width;
      if (add) {
        long to = read(gradX, t, slot);
        NormLoops.addGradient(grad, g, normal, bytes, r, sum, product, to);
      } else {
        long to = target(gradX, t, slot);
        NormLoops.gradient(grad, g, normal, bytes, r, sum, product, to);
      }
      written(gradX, t, slot);
      gains.rowDone(t);
      biases.rowDone(t);
    }
    gains.addTo(gradGain);
    biases.addTo(gradBias);
  }

  @Override
  public void add(RowBlock x, RowBlock y, long shift, RowBlock sum) {
    int width = x.width();
    RowScratch scratch = RowScratch.of(4, width);
    long s = read(shift, width, scratch.slot(3));
    for (int t = 0; t < x.rows(); t++) {
      add(x, y, s, sum, t, scratch);
    }
  }

  /// Writes a row of sum, from slots 0 to 2.
  ///
  /// @return its sum
  private static float add(
      RowBlock x, RowBlock y, long shift, RowBlock sum, int t, RowScratch scratch) {
    long left = read(x, t, scratch.slot(0));
    long right = read(y, t, scratch.slot(1));
    long to = target(sum, t, scratch.slot(2));
    float total = NormLoops.add(left, right, shift, Lanes.bytes(x.width()), to);
    written(sum, t, scratch.slot(2));
    return total;
  }

  @Override
  public void addNorm(
      RowBlock x, RowBlock y, long shift, RowBlock sum, long gain, long bias, RowBlock out) {
    int width = x.width();
    RowScratch scratch = RowScratch.of(6, width);
    long s = read(shift, width, scratch.slot(3));
    long g = read(gain, width, scratch.slot(4));
    long b = read(bias, width, scratch.slot(5));
    for (int t = 0; t < x.rows(); t++) {
      float total = add(x, y, s, sum, t, scratch);
      long row = target(sum, t, scratch.slot(2));
      normalize(row, NormLoops.moments(row, width, total), g, b, out, t, scratch.slot(1));
    }
  }

  @Override
  public void activateNorm(
      Activation a, RowBlock x, long shift, long gain, long bias, RowBlock out) {
    int width = x.width();
    RowScratch scratch = RowScratch.of(7, width);
    long s = read(shift, width, scratch.slot(0));
    long g = read(gain, width, scratch.slot(1));
    long b = read(bias, width, scratch.slot(2));
    long values = scratch.slot(3);
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(4));
      float sum = ActivationLoops.values(a, row, Lanes.bytes(width), s, values, scratch.slot(6));
      normalize(values, NormLoops.moments(values, width, sum), g, b, out, t, scratch.slot(5));
    }
  }

  @Override
  public void activateNormBackward(
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
      long gradBias) {
    int width = x.width();
    long bytes = Lanes.bytes(width);
    RowScratch scratch = RowScratch.of(14, width);
    long s = read(shift, width, scratch.slot(0));
    long g = read(gain, width, scratch.slot(1));
    long b = read(bias, width, scratch.slot(2));
    ColumnSums gains = ColumnSums.of(scratch, 3, width);
    ColumnSums biases = ColumnSums.of(scratch, 5, width);
    ColumnSums shifts = ColumnSums.of(scratch, 7, width);
    long values = scratch.slot(9);
    long slope = scratch.slot(10);
    long slot = scratch.slot(13);
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(11));
      long grad = read(gradOut, t, scratch.slot(12));
      float valueSum = ActivationLoops.values(a, row, bytes, s, values, slope);
      ActivationLoops.slopes(a, row, bytes, s, slope);
      long moments = NormLoops.moments(values, width, valueSum);
      float mean = Moments.first(moments);
      float r = Moments.second(moments);
      long y = target(out, t, slot);
      long sums =
          NormLoops.gradients(
              values, bytes, mean, r, grad, g, b, values, y, gains.group(), biases.group());
      written(out, t, slot);
      float sum = Moments.first(sums) / width;
      float product = Moments.second(sums) / width;
      long to = target(gradX, t, slot);
      NormLoops.gradient(grad, g, values, bytes, r, sum, product, slope, shifts.group(), to);
      written(gradX, t, slot);
      gains.rowDone(t);
      biases.rowDone(t);
      shifts.rowDone(t);
    }
    gains.addTo(gradGain);
    biases.addTo(gradBias);
    shifts.addTo(gradShift);
  }

  @Override
  public void copy(RowBlock x, RowBlock out, long sums) {
    RowScratch scratch = RowScratch.of(3, x.width());
    ColumnSums columns = ColumnSums.of(scratch, 0, x.width());
    boolean inPlace = x.equals(out);
    for (int t = 0; t < x.rows(); t++) {
      if (sums != 0) {
        long row = read(x, t, scratch.slot(2));
        columns.add(row);
        columns.rowDone(t);
      }
      if (!inPlace) {
        RowMoves.copy(x, out, t);
      }
    }
    if (sums != 0) {
      columns.addTo(sums);
    }
  }

  @Override
  public void rotate(RowBlock x, long shift, long factors, int pairs) {
    int width = x.width();
    long bytes = Lanes.bytes(width);
    RowScratch scratch = RowScratch.of(5, width);
    long s = read(shift, width, scratch.slot(0));
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(1));
      long to = target(x, t, scratch.slot(2));
      if (factors == 0) {
        RotationLoops.shift(row, s, bytes, to);
      } else {
        long real = scratch.slot(3);
        long imaginary = scratch.slot(4);
        long head =
            RotationLoops.spread(factors + 8L * t * pairs, pairs, width, 1, real, imaginary);
        for (long i = 0; i < 4L * width; i += head) {
          RotationLoops.rotate(row + i, s + i, head, real, imaginary, to + i);
        }
      }
      written(x, t, scratch.slot(2));
    }
  }

  @Override
  public void rotateBackward(RowBlock x, long factors, int pairs, long gradShift) {
    if (factors == 0) {
      copy(x, x, gradShift);
      return;
    }
    int width = x.width();
    RowScratch scratch = RowScratch.of(6, width);
    ColumnSums shifts = ColumnSums.of(scratch, 0, width);
    long real = scratch.slot(2);
    long imaginary = scratch.slot(3);
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(4));
      long to = target(x, t, scratch.slot(5));
      long head = RotationLoops.spread(factors + 8L * t * pairs, pairs, width, -1, real, imaginary);
      for (long i = 0; i < 4L * width; i += head) {
        RotationLoops.rotateBackward(row + i, head, real, imaginary, shifts.group() + i, to + i);
      }
      written(x, t, scratch.slot(5));
      shifts.rowDone(t);
    }
    shifts.addTo(gradShift);
  }

  @Override
  public void convolve(
      RowBlock x, long shift, RowBlock taps, long factors, int pairs, RowBlock out) {
    VectorConvolution.forward(x, shift, taps, factors, pairs, out);
  }

  @Override
  public void convolveBackward(
      RowBlock gradOut,
      RowBlock x,
      long shift,
      RowBlock taps,
      long factors,
      int pairs,
      RowBlock gradX,
      RowBlock gradTaps,
      long gradShift) {
    VectorConvolution.backward(gradOut, x, shift, taps, factors, pairs, gradX, gradTaps, gradShift);
  }

  @Override
  public void addAt(long rows, RowBlock x, RowBlock sums) {
    for (int t = 0; t < x.rows(); t++) {
      RowMoves.increase(sums.row(Elements.index(rows, t, sums.rows())), x.row(t), x.width());
    }
  }

  @Override
  public void crossEntropy(RowBlock x, long targets, long losses, float weight) {
    int width = x.width();
    long bytes = Lanes.bytes(width);
    RowScratch scratch = RowScratch.of(2, width);
    for (int t = 0; t < x.rows(); t++) {
      long row = read(x, t, scratch.slot(0));
      if (width % Lanes.PAIR != 0) {
        RowMoves.fill(row, width, Float.NEGATIVE_INFINITY);
      }
      int target = Elements.index(targets, t, width);
      float hit = Elements.load(row, target);
      float largest = LossLoops.max(row, bytes);
      long to = weight == 0 ? scratch.slot(1) : target(x, t, scratch.slot(1));
      double sum = LossLoops.exponentials(row, bytes, largest, to);
      double logSum = largest + Math.log(sum);
      Elements.store(losses, t, (float) (logSum - hit));
      if (weight != 0) {
        LossLoops.scale(to, bytes, (float) (weight / sum));
        Elements.store(to, target, (float) (weight * (Math.exp(hit - logSum) - 1)));
        written(x, t, scratch.slot(1));
      }
    }
  }

  @Override
  public double squares(long x, long count) {
    return FlatLoops.squares(x, count);
  }

  @Override
  public void adam(
      long values, long gradients, long first, long second, long count, AdamStep step) {
    long whole = count / LANES * LANES;
    FlatLoops.adam(values, gradients, first, second, 4 * whole, AdamFactors.of(step));
    long done = 4 * whole;
    plain.adam(values + done, gradients + done, first + done, second + done, count - whole, step);
  }

  @Override
  public String description() {
    return "vector, " + Lanes.F.vectorBitSize() + " bits";
  }
}
