// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.util.Random;
import org.junit.jupiter.api.Test;

class AxisTest {

  @Test
  void ticksAreRoundAndInside() {
    assertThat(new Axis("", 0, 1000, false).ticks())
        .containsExactly(0.0, 200.0, 400.0, 600.0, 800.0, 1000.0);
    assertThat(new Axis("", 0.5, 20, true).ticks())
        .usingElementComparator((a, b) -> Math.abs(a - b) < 1e-9 ? 0 : Double.compare(a, b))
        .containsExactly(0.5, 1.0, 2.0, 5.0, 10.0, 20.0);
    for (long seed = 0; seed < 1000; seed++) {
      Random random = new Random(seed);
      double low = Math.pow(10, random.nextDouble(-6, 9));
      boolean logarithmic = random.nextBoolean();
      Axis axis =
          new Axis("", low, low * (1 + Math.pow(10, random.nextDouble(-3, 8))), logarithmic);
      assertThat(axis.ticks()).as("seed %d %s", seed, axis).hasSizeBetween(2, 12);
      for (double tick : axis.ticks()) {
        assertThat(axis.position(tick)).as("seed %d %s", seed, axis).isBetween(-1e-9, 1 + 1e-9);
      }
    }
  }

  @Test
  void valuesBecomePositions() {
    assertThat(new Axis("", 10, 1000, true).position(100)).isCloseTo(0.5, within(1e-12));
    assertThat(new Axis("", 10, 20, false).position(12)).isCloseTo(0.2, within(1e-12));
    Axis around = Axis.around("", new double[] {5, Double.NaN, 7, Double.POSITIVE_INFINITY}, false);
    assertThat(around.position(5)).isBetween(0.0, 0.2);
    assertThat(around.position(7)).isBetween(0.8, 1.0);
    assertThat(Axis.around("", new double[] {3}, false).position(3)).isBetween(0.0, 1.0);
    assertThat(Axis.around("", new double[0], true).ticks()).isNotEmpty();
    assertThatThrownBy(() -> new Axis("", 0, 1, true)).isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void numbersAreShort() {
    assertThat(Axis.number(0)).isEqualTo("0");
    assertThat(Axis.number(40_000)).isEqualTo("40k");
    assertThat(Axis.number(1500)).isEqualTo("1500");
    assertThat(Axis.number(2_500_000)).isEqualTo("2.5M");
    assertThat(Axis.number(0.0006)).isEqualTo("6e-4");
    assertThat(Axis.number(-1.25)).isEqualTo("-1.25");
  }
}
