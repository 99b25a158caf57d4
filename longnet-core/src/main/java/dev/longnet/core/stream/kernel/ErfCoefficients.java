// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

/// The error function, and the coefficients all kernels share.
public final class ErfCoefficients {
  private ErfCoefficients() {}

  /// erf(x / sqrt 2) = x P(x^2) / Q(x^2) to 4.9e-8 for |x| <= 5.6, beyond which it is 1 to
  /// float32's rounding. Our own least-squares fit, weighted towards the largest error (degrees 6
  /// and 4).
  static final double[] P = {
    0.797884252344,
    0.0742213357833,
    0.00917485217398,
    0.000364892889369,
    6.72256330532e-6,
    -4.39919164304e-8,
    2.16043137956e-10
  };

  static final double[] Q = {
    1.0, 0.259686773113, 0.029784894601, 0.00190135782278, 6.62401180748e-5
  };
  public static final double LIMIT = 5.6;

  /// The coefficient of x^(2i) in P, for i from 0 to 6.
  public static double p(int i) {
    return P[i];
  }

  /// The coefficient of x^(2i) in Q, for i from 0 to 4.
  public static double q(int i) {
    return Q[i];
  }

  /// erf(x / sqrt 2) in float64, exact to 5e-8.
  public static double erf(double x) {
    double z = Math.clamp(x, -LIMIT, LIMIT);
    double u = z * z;
    double p = 0;
    for (int i = P.length - 1; i >= 0; i--) {
      p = p * u + P[i];
    }
    double q = 0;
    for (int i = Q.length - 1; i >= 0; i--) {
      q = q * u + Q[i];
    }
    return z * p / q;
  }
}
