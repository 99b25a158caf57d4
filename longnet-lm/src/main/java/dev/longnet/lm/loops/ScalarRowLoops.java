// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import static dev.longnet.lm.loops.Elements.increase;
import static dev.longnet.lm.loops.Elements.load;
import static dev.longnet.lm.loops.Elements.store;

import dev.longnet.core.config.Activation;
import dev.longnet.core.stream.kernel.ErfCoefficients;
import org.jspecify.annotations.Nullable;

/// The plain twin of [VectorRowLoops]: the formulas as loops, in float64 within a row.
public final class ScalarRowLoops implements RowLoops {
  private static final double INVERSE_SQRT_2PI = 1 / Math.sqrt(2 * Math.PI);

  @Override
  public void norm(RowBlock x, long gain, long bias, RowBlock out) {
    double[] row = new double[x.width()];
    for (int t = 0; t < x.rows(); t++) {
      read(x, t, row);
      normalize(row, gain, bias, out, t);
    }
  }

  private static void read(RowBlock x, int t, double[] row) {
    for (int i = 0; i < row.length; i++) {
      row[i] = load(x.type(), x.row(t), i);
    }
  }

  private static double mean(double[] row) {
    double sum = 0;
    for (double value : row) {
      sum += value;
    }
    return sum / row.length;
  }

  /// 1 / sqrt(variance + epsilon)
  private static double reciprocal(double[] row, double mean) {
    double squares = 0;
    for (double value : row) {
      squares += (value - mean) * (value - mean);
    }
    return 1 / Math.sqrt(squares / row.length + EPSILON);
  }

  private static void normalize(double[] row, long gain, long bias, RowBlock out, int t) {
    double mean = mean(row);
    double reciprocal = reciprocal(row, mean);
    for (int i = 0; i < row.length; i++) {
      double y = (row[i] - mean) * reciprocal * load(gain, i) + load(bias, i);
      store(out.type(), out.row(t), i, (float) y);
    }
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
    double[] row = new double[width];
    double[] grad = new double[width];
    double[] gains = new double[width];
    double[] biases = new double[width];
    for (int t = 0; t < x.rows(); t++) {
      read(x, t, row);
      read(gradOut, t, grad);
      if (out != null) {
        normalize(row, gain, bias, out, t);
      }
      normGradient(row, gain, grad, gains, biases);
      for (int i = 0; i < width; i++) {
        double old = add ? load(gradX.type(), gradX.row(t), i) : 0;
        store(gradX.type(), gradX.row(t), i, (float) (old + grad[i]));
      }
    }
    increase(gradGain, gains);
    increase(gradBias, biases);
  }

  /// The gradient with respect to LN(row) becomes that with respect to row.
  private static void normGradient(
      double[] row, long gain, double[] grad, double[] gains, double[] biases) {
    int width = row.length;
    double mean = mean(row);
    double reciprocal = reciprocal(row, mean);
    double sum = 0;
    double product = 0;
    for (int i = 0; i < width; i++) {
      double normal = (row[i] - mean) * reciprocal;
      gains[i] += grad[i] * normal;
      biases[i] += grad[i];
      grad[i] *= load(gain, i);
      sum += grad[i];
      product += grad[i] * normal;
    }
    for (int i = 0; i < width; i++) {
      double normal = (row[i] - mean) * reciprocal;
      grad[i] = reciprocal * (grad[i] - sum / width - normal * (product / width));
    }
  }

  @Override
  public void add(RowBlock x, RowBlock y, long shift, RowBlock sum) {
    for (int t = 0; t < x.rows(); t++) {
      for (int i = 0; i < x.width(); i++) {
        float shifted = load(y.type(), y.row(t), i) + load(shift, i);
        store(sum.type(), sum.row(t), i, load(x.type(), x.row(t), i) + shifted);
      }
    }
  }

  @Override
  public void addNorm(
      RowBlock x, RowBlock y, long shift, RowBlock sum, long gain, long bias, RowBlock out) {
    add(x, y, shift, sum);
    norm(sum, gain, bias, out);
  }

  @Override
  public void activateNorm(
      Activation a, RowBlock x, long shift, long gain, long bias, RowBlock out) {
    double[] row = new double[x.width()];
    for (int t = 0; t < x.rows(); t++) {
      read(x, t, row);
      for (int i = 0; i < row.length; i++) {
        row[i] = value(a, row[i] + load(shift, i));
      }
      normalize(row, gain, bias, out, t);
    }
  }

  private static double value(Activation a, double u) {
    return switch (a) {
      case GELU -> u * phi(u);
      case RELU -> Math.max(u, 0);
      case SWISH -> u * logistic(u);
    };
  }

  private static double slope(Activation a, double u) {
    return switch (a) {
      case GELU -> phi(u) + u * Math.exp(-0.5 * u * u) * INVERSE_SQRT_2PI;
      case RELU -> u > 0 ? 1 : 0;
      case SWISH -> logistic(u) * (1 + u * (1 - logistic(u)));
    };
  }

  private static double logistic(double u) {
    return 1 / (1 + Math.exp(-u));
  }

  /// The normal distribution up to u.
  private static double phi(double u) {
    return 0.5 * (1 + ErfCoefficients.erf(u));
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
    double[] row = new double[width];
    double[] slope = new double[width];
    double[] grad = new double[width];
    double[] shifts = new double[width];
    double[] gains = new double[width];
    double[] biases = new double[width];
    for (int t = 0; t < x.rows(); t++) {
      read(x, t, row);
      read(gradOut, t, grad);
      for (int i = 0; i < width; i++) {
        double u = row[i] + load(shift, i);
        row[i] = value(a, u);
        slope[i] = slope(a, u);
      }
      normalize(row, gain, bias, out, t);
      normGradient(row, gain, grad, gains, biases);
      for (int i = 0; i < width; i++) {
        double gradient = grad[i] * slope[i];
        shifts[i] += gradient;
        store(gradX.type(), gradX.row(t), i, (float) gradient);
      }
    }
    increase(gradShift, shifts);
    increase(gradGain, gains);
    increase(gradBias, biases);
  }

  @Override
  public void copy(RowBlock x, RowBlock out, long sums) {
    double[] columns = new double[x.width()];
    for (int t = 0; t < x.rows(); t++) {
      for (int i = 0; i < x.width(); i++) {
        float value = load(x.type(), x.row(t), i);
        columns[i] += value;
        store(out.type(), out.row(t), i, value);
      }
    }
    if (sums != 0) {
      increase(sums, columns);
    }
  }

  @Override
  public void rotate(RowBlock x, long shift, long factors, int pairs) {
    for (int t = 0; t < x.rows(); t++) {
      double[] row = new double[x.width()];
      read(x, t, row);
      for (int i = 0; i < row.length; i++) {
        row[i] += load(shift, i);
      }
      if (factors != 0) {
        turn(row, factors + 8L * t * pairs, pairs, 1);
      }
      write(row, x, t);
    }
  }

  /// Multiplies pairs by their factors, or, with sign -1, by the conjugates.
  private static void turn(double[] row, long factors, int pairs, int sign) {
    for (int i = 0; i < row.length; i += 2) {
      int pair = i / 2 % pairs;
      double cos = load(factors, 2L * pair);
      double sin = sign * load(factors, 2L * pair + 1);
      double real = row[i];
      row[i] = real * cos - row[i + 1] * sin;
      row[i + 1] = row[i + 1] * cos + real * sin;
    }
  }

  private static void write(double[] row, RowBlock out, int t) {
    for (int i = 0; i < row.length; i++) {
      store(out.type(), out.row(t), i, (float) row[i]);
    }
  }

  @Override
  public void rotateBackward(RowBlock x, long factors, int pairs, long gradShift) {
    double[] shifts = new double[x.width()];
    for (int t = 0; t < x.rows(); t++) {
      double[] row = new double[x.width()];
      read(x, t, row);
      if (factors != 0) {
        turn(row, factors + 8L * t * pairs, pairs, -1);
      }
      for (int i = 0; i < row.length; i++) {
        shifts[i] += row[i];
      }
      write(row, x, t);
    }
    increase(gradShift, shifts);
  }

  @Override
  public void convolve(
      RowBlock x, long shift, RowBlock taps, long factors, int pairs, RowBlock out) {
    int before = x.rows() - out.rows();
    double[] other = new double[out.width()];
    for (int t = 0; t < out.rows(); t++) {
      double[] row = new double[out.width()];
      for (int j = 0; j < taps.rows(); j++) {
        int from = before + t + j - taps.rows() + 1;
        if (from >= 0) {
          read(x, from, other);
          for (int i = 0; i < row.length; i++) {
            row[i] += (other[i] + load(shift, i)) * load(taps.row(j), i);
          }
        }
      }
      if (factors != 0) {
        turn(row, factors + 8L * t * pairs, pairs, 1);
      }
      write(row, out, t);
    }
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
    int width = x.width();
    double[] shifts = new double[width];
    double[][] sums = new double[taps.rows()][width];
    double[] own = new double[width];
    double[] grad = new double[width];
    for (int t = 0; t < x.rows(); t++) {
      double[] row = new double[width];
      read(x, t, own);
      for (int j = 0; j < taps.rows(); j++) {
        int to = t + taps.rows() - 1 - j;
        if (to < gradOut.rows()) {
          read(gradOut, to, grad);
          if (factors != 0) {
            turn(grad, factors + 8L * to * pairs, pairs, -1);
          }
          for (int i = 0; i < width; i++) {
            row[i] += grad[i] * load(taps.row(j), i);
            sums[j][i] += grad[i] * (own[i] + load(shift, i));
          }
        }
      }
      for (int i = 0; i < width; i++) {
        shifts[i] += row[i];
      }
      write(row, gradX, t);
    }
    for (int j = 0; j < sums.length; j++) {
      increase(gradTaps.row(j), sums[j]);
    }
    increase(gradShift, shifts);
  }

  @Override
  public void addAt(long rows, RowBlock x, RowBlock sums) {
    for (int t = 0; t < x.rows(); t++) {
      long sum = sums.row(Elements.index(rows, t, sums.rows()));
      for (int i = 0; i < x.width(); i++) {
        store(sum, i, load(sum, i) + load(x.row(t), i));
      }
    }
  }

  @Override
  public void crossEntropy(RowBlock x, long targets, long losses, float weight) {
    double[] row = new double[x.width()];
    for (int t = 0; t < x.rows(); t++) {
      read(x, t, row);
      double largest = Double.NEGATIVE_INFINITY;
      for (double logit : row) {
        largest = Math.max(largest, logit);
      }
      double sum = 0;
      for (double logit : row) {
        sum += Math.exp(logit - largest);
      }
      double logSum = largest + Math.log(sum);
      int target = Elements.index(targets, t, row.length);
      store(losses, t, (float) (logSum - row[target]));
      for (int i = 0; weight != 0 && i < row.length; i++) {
        double gradient = Math.exp(row[i] - logSum) - (i == target ? 1 : 0);
        store(x.type(), x.row(t), i, (float) (weight * gradient));
      }
    }
  }

  @Override
  public double squares(long x, long count) {
    double sum = 0;
    for (long i = 0; i < count; i++) {
      double value = load(x, i);
      sum += value * value;
    }
    return sum;
  }

  @Override
  public void adam(
      long values, long gradients, long first, long second, long count, AdamStep step) {
    AdamFactors f = AdamFactors.of(step);
    for (long i = 0; i < count; i++) {
      float value = load(values, i);
      float g = Math.fma(value, f.decay(), load(gradients, i) * f.scale());
      float m = load(first, i);
      m = Math.fma(f.newFirst(), g - m, m);
      float v = load(second, i) * f.oldSecond() + f.newSecond() * g * g;
      store(first, i, m);
      store(second, i, v);
      float root = (float) Math.sqrt(v) / f.rootCorrection() + f.epsilon();
      store(values, i, value * f.keep() - f.stepSize() * m / root);
    }
  }

  @Override
  public String description() {
    return "scalar";
  }
}
