// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.loops;

import dev.longnet.core.config.Activation;
import java.util.function.DoubleUnaryOperator;

/// The formulas of [RowLoops] on one row, in float64, or in float32 step by step: what a plain
/// program makes of them, whose error is the yardstick.
///
/// @param r rounds the result of each operation
record RowReference(DoubleUnaryOperator r) {
  static final RowReference EXACT = new RowReference(x -> x);
  static final RowReference PLAIN = new RowReference(x -> (float) x);

  double round(double x) {
    return r.applyAsDouble(x);
  }

  private double sum(double[] x) {
    double sum = 0;
    for (double value : x) {
      sum = round(sum + value);
    }
    return sum;
  }

  /// mean and 1 / sqrt(variance + epsilon)
  private double[] moments(double[] x) {
    double mean = round(sum(x) / x.length);
    double[] squares = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double d = round(x[i] - mean);
      squares[i] = round(d * d);
    }
    double variance = round(sum(squares) / x.length);
    return new double[] {mean, round(1 / round(Math.sqrt(round(variance + RowLoops.EPSILON))))};
  }

  private double[] normal(double[] x) {
    double[] moments = moments(x);
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = round(round(x[i] - moments[0]) * moments[1]);
    }
    return y;
  }

  double[] norm(double[] x, double[] gain, double[] bias) {
    double[] y = normal(x);
    for (int i = 0; i < x.length; i++) {
      y[i] = round(round(y[i] * gain[i]) + bias[i]);
    }
    return y;
  }

  /// The gradient with respect to x; adds to those of gain and bias.
  double[] normBackward(
      double[] x, double[] gain, double[] grad, double[] gradGain, double[] gradBias) {
    int width = x.length;
    double[] n = normal(x);
    double[] g = new double[width];
    double[] products = new double[width];
    for (int i = 0; i < width; i++) {
      gradGain[i] = round(gradGain[i] + round(grad[i] * n[i]));
      gradBias[i] = round(gradBias[i] + grad[i]);
      g[i] = round(grad[i] * gain[i]);
      products[i] = round(g[i] * n[i]);
    }
    double mean = round(sum(g) / width);
    double meanProduct = round(sum(products) / width);
    double reciprocal = moments(x)[1];
    for (int i = 0; i < width; i++) {
      g[i] = round(reciprocal * round(round(g[i] - mean) - round(n[i] * meanProduct)));
    }
    return g;
  }

  double[] add(double[] x, double[] y) {
    double[] sum = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      sum[i] = round(x[i] + y[i]);
    }
    return sum;
  }

  private double phi(double u) {
    return round(0.5 * round(1 + round(erf(round(u * round(Math.sqrt(0.5)))))));
  }

  private double logistic(double u) {
    return round(1 / round(1 + round(Math.exp(-u))));
  }

  double[] activate(Activation a, double[] u) {
    double[] y = new double[u.length];
    for (int i = 0; i < u.length; i++) {
      y[i] =
          switch (a) {
            case GELU -> round(u[i] * phi(u[i]));
            case RELU -> Math.max(u[i], 0);
            case SWISH -> round(u[i] * logistic(u[i]));
          };
    }
    return y;
  }

  double[] activateBackward(Activation a, double[] u, double[] grad) {
    double[] y = new double[u.length];
    for (int i = 0; i < u.length; i++) {
      y[i] =
          round(
              grad[i]
                  * switch (a) {
                    case GELU -> round(phi(u[i]) + round(u[i] * density(u[i])));
                    case RELU -> u[i] > 0 ? 1 : 0;
                    case SWISH -> {
                      double s = logistic(u[i]);
                      yield round(s + round(round(u[i] * s) * round(1 - s)));
                    }
                  });
    }
    return y;
  }

  private double density(double u) {
    return round(round(Math.exp(round(-0.5 * round(u * u)))) * round(1 / Math.sqrt(2 * Math.PI)));
  }

  /// @param factors `[2 pairs]`
  double[] rotate(double[] x, double[] factors, int sign) {
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i += 2) {
      double cos = factors[i % factors.length];
      double sin = sign * factors[(i + 1) % factors.length];
      y[i] = round(round(x[i] * cos) - round(x[i + 1] * sin));
      y[i + 1] = round(round(x[i + 1] * cos) + round(x[i] * sin));
    }
    return y;
  }

  /// Row t of x convolved.
  ///
  /// @param taps [K, width]
  double[] convolve(double[][] x, double[][] taps, int t) {
    double[] y = new double[x[t].length];
    for (int j = 0; j < taps.length; j++) {
      int from = t - taps.length + 1 + j;
      if (from >= 0) {
        for (int i = 0; i < y.length; i++) {
          y[i] = round(y[i] + round(taps[j][i] * x[from][i]));
        }
      }
    }
    return y;
  }

  /// The gradient of row t of [#convolve]'s input; adds to that of the taps.
  ///
  /// @param grad of all rows of its result
  double[] convolveBackward(
      double[][] grad, double[][] x, double[][] taps, int t, double[][] gradTaps) {
    double[] y = new double[x[t].length];
    for (int j = 0; j < taps.length; j++) {
      int to = t + taps.length - 1 - j;
      if (to < grad.length) {
        for (int i = 0; i < y.length; i++) {
          y[i] = round(y[i] + round(taps[j][i] * grad[to][i]));
          gradTaps[j][i] = round(gradTaps[j][i] + round(grad[to][i] * x[t][i]));
        }
      }
    }
    return y;
  }

  double loss(double[] x, int target) {
    return round(logSum(x) - x[target]);
  }

  private double logSum(double[] x) {
    double largest = Double.NEGATIVE_INFINITY;
    for (double value : x) {
      largest = Math.max(largest, value);
    }
    double[] e = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      e[i] = round(Math.exp(round(x[i] - largest)));
    }
    return round(largest + round(Math.log(sum(e))));
  }

  double[] lossBackward(double[] x, int target, double weight) {
    double logSum = logSum(x);
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      double p = round(Math.exp(round(x[i] - logSum)));
      y[i] = round(weight * round(p - (i == target ? 1 : 0)));
    }
    return y;
  }

  /// To float64's rounding: its series, and beyond 3 a continued fraction of erfc.
  static double erf(double x) {
    double t = Math.abs(x);
    if (t > 6) {
      return Math.signum(x);
    }
    if (t > 3) {
      double f = 0;
      for (int k = 60; k > 0; k--) {
        f = k / 2.0 / (t + f);
      }
      return Math.signum(x) * (1 - Math.exp(-t * t) / (t + f) / Math.sqrt(Math.PI));
    }
    double term = x;
    double sum = x;
    for (int k = 1; k < 100; k++) {
      term *= -x * x / k;
      sum += term / (2 * k + 1);
    }
    return sum * 2 / Math.sqrt(Math.PI);
  }
}
