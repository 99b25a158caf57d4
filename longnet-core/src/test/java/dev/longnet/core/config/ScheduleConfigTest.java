// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.ScheduleConfig.Decay;
import org.junit.jupiter.api.Test;

class ScheduleConfigTest {
  @Test
  void warmsUpLinearlyFromTheFirstStep() {
    ScheduleConfig schedule = new ScheduleConfig(Decay.POLYNOMIAL, 4, 1, 0);
    assertThat(schedule.factor(0, 14)).isEqualTo(0.25);
    assertThat(schedule.factor(3, 14)).isEqualTo(1);
    assertThat(schedule.factor(4, 14)).isEqualTo(1);
  }

  @Test
  void polynomialEndsAtItsFraction() {
    ScheduleConfig schedule = new ScheduleConfig(Decay.POLYNOMIAL, 0, 2, 0.1);
    assertThat(schedule.factor(0, 10)).isEqualTo(1);
    assertThat(schedule.factor(5, 10)).isCloseTo(0.1 + 0.9 * 0.25, within(1e-12));
    assertThat(schedule.factor(10, 10)).isCloseTo(0.1, within(1e-12));
    assertThat(schedule.factor(99, 10)).isCloseTo(0.1, within(1e-12));
  }

  @Test
  void cosineIsHalfWayInTheMiddle() {
    ScheduleConfig schedule = new ScheduleConfig(Decay.COSINE, 2, 1, 0);
    assertThat(schedule.factor(2, 12)).isEqualTo(1);
    assertThat(schedule.factor(7, 12)).isCloseTo(0.5, within(1e-12));
    assertThat(schedule.factor(12, 12)).isCloseTo(0, within(1e-12));
  }

  @Test
  void constantStays() {
    assertThat(new ScheduleConfig(Decay.CONSTANT, 1, 1, 0).factor(1_000_000, 10)).isEqualTo(1);
  }
}
