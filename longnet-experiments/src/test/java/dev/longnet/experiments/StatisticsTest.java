// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.List;
import org.junit.jupiter.api.Test;

class StatisticsTest {
  @Test
  void theMedianIsInTheMiddle() {
    assertThat(Statistics.median(7)).isEqualTo(7);
    assertThat(Statistics.median(9, 1, 5)).isEqualTo(5);
    assertThat(Statistics.median(9, 1, 5, 6)).isEqualTo(5.5);
    assertThat(Statistics.median(List.of(3.0, 1.0))).isEqualTo(2);
    assertThatThrownBy(() -> Statistics.median(List.of()))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void theMedianLeavesItsValuesAsTheyAre() {
    double[] values = {3, 1, 2};
    Statistics.median(values);
    assertThat(values).containsExactly(3, 1, 2);
  }

  @Test
  void theExponentIsTheSlopeOfLogarithms() {
    double[] x = {64, 100, 1000, 5000};
    double[] y = new double[x.length];
    for (int i = 0; i < x.length; i++) {
      y[i] = 3e-6 * Math.pow(x[i], 1.7);
    }
    assertThat(Statistics.exponent(x, y)).isCloseTo(1.7, within(1e-12));
    assertThat(Statistics.exponent(new double[] {64}, new double[] {1})).isNaN();
  }
}
