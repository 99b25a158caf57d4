// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class BootstrapTest {
  private static final double BIT = Math.log(2);

  @Test
  void aDifferenceThatIsTheSameEverywhereHasNoDoubt() {
    double[] bytes = {100, 300, 50};
    double[] one = new double[3];
    double[] other = new double[3];
    for (int g = 0; g < 3; g++) {
      other[g] = 17 * g;
      one[g] = other[g] - 0.25 * BIT * bytes[g];
    }
    Bootstrap.Interval interval =
        Bootstrap.difference(List.of(one, one), List.of(other, other), bytes);
    assertThat(interval.value()).isCloseTo(-0.25, within(1e-12));
    assertThat(interval.low()).isCloseTo(-0.25, within(1e-12));
    assertThat(interval.high()).isCloseTo(-0.25, within(1e-12));
  }

  /// Groups of equal size whose differences are normal: the interval is the textbook's.
  @Test
  void ofNormalDifferencesItIsTwoStandardErrorsWide() {
    Random random = new Random(1);
    int groups = 100;
    double[] bytes = new double[groups];
    double[] one = new double[groups];
    double[] other = new double[groups];
    double[] differences = new double[groups];
    for (int g = 0; g < groups; g++) {
      bytes[g] = 1000;
      other[g] = random.nextDouble() * 1000;
      differences[g] = -0.1 + 0.2 * random.nextGaussian();
      one[g] = other[g] + differences[g] * BIT * bytes[g];
    }
    double mean = Arrays.stream(differences).average().orElseThrow();
    double deviation =
        Math.sqrt(Arrays.stream(differences).map(d -> (d - mean) * (d - mean)).sum() / groups);
    Bootstrap.Interval interval = Bootstrap.difference(List.of(one), List.of(other), bytes);
    assertThat(interval.value()).isCloseTo(mean, within(1e-9));
    double half = 1.96 * deviation / Math.sqrt(groups);
    assertThat(mean - interval.low()).isCloseTo(half, within(0.1 * half));
    assertThat(interval.high() - mean).isCloseTo(half, within(0.1 * half));
  }

  @Test
  void seedsAddTheirOwnDoubt() {
    double[] bytes = {1000, 1000};
    double[] none = {0, 0};
    double[] less = {-100 * BIT, -100 * BIT};
    double[] more = {300 * BIT, 300 * BIT};
    Bootstrap.Interval interval =
        Bootstrap.difference(List.of(less, more), List.of(none, none), bytes);
    assertThat(interval.value()).isCloseTo(0.1, within(1e-12));
    assertThat(interval.low()).isCloseTo(-0.1, within(1e-12));
    assertThat(interval.high()).isCloseTo(0.3, within(1e-12));
  }

  @Test
  void aSingleGroupTellsNothing() {
    Bootstrap.Interval interval =
        Bootstrap.difference(
            List.of(new double[] {BIT}), List.of(new double[] {0}), new double[] {10});
    assertThat(interval.value()).isCloseTo(0.1, within(1e-12));
    assertThat(interval.high()).isNaN();
  }

  @Test
  void bothModelsNeedTheSameSeeds() {
    assertThatThrownBy(
            () -> Bootstrap.difference(List.of(new double[1]), List.of(), new double[] {1}))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("same seeds");
  }
}
