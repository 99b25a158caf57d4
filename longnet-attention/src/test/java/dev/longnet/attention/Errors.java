// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.kernel.ElementType;

/// The project's rule for tolerances: at most twice the error of the plain float32 path, both
/// against float64.
final class Errors {
  private Errors() {}

  /// @param as what is compared, with the seed that makes it again
  /// @param terms the size of the largest terms the values are sums of: where they cancel, their
  ///   rounding is what remains
  static void assertAtMostTwicePlain(
      String as, double[] exact, float[] plain, double[] actual, ElementType type, double terms) {
    assertThat(share(as, exact, plain, actual, type, terms))
        .as("%s: error as a share of twice the plain error", as)
        .isLessThanOrEqualTo(1);
  }

  /// The largest error as a share of what is allowed: twice the plain path's largest error and a
  /// few roundings.
  static double share(
      String as, double[] exact, float[] plain, double[] actual, ElementType type, double terms) {
    assertThat(actual).as(as).hasSameSizeAs(exact);
    double largest = terms;
    double plainError = 0;
    double error = 0;
    for (int i = 0; i < exact.length; i++) {
      if (Double.isInfinite(exact[i])) {
        assertThat(actual[i]).as("%s [%d]", as, i).isEqualTo(exact[i]);
        continue;
      }
      largest = Math.max(largest, Math.abs(exact[i]));
      plainError = Math.max(plainError, Math.abs(plain[i] - exact[i]));
      double difference = Math.abs(actual[i] - exact[i]);
      assertThat(difference).as("%s [%d] = %s", as, i, actual[i]).isNotNaN();
      error = Math.max(error, difference);
    }
    // Where plain arithmetic happens to be exact (one key, a zero gradient) a few roundings are
    // still in order.
    double floor =
        largest
            * switch (type) {
              // Units of rounding, 2^-24 and 2^-9.
              case FLOAT32 -> 4 * 0x1p-24;
              case BFLOAT16 -> 2 * 0x1p-9;
              case FLOAT64 -> 4 * 0x1p-53;
            };
    return error / (2 * plainError + floor + 1e-30);
  }

  static double rootMeanSquare(AttentionTensor tensor) {
    double[] values = TestTensors.values(tensor);
    double sum = 0;
    for (double x : values) {
      sum += x * x;
    }
    return Math.sqrt(sum / Math.max(1, values.length));
  }
}
