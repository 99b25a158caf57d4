// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.plan;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import org.junit.jupiter.api.Test;

class ReliabilityTest {
  /// 7.9 h between failures and a checkpoint of 30 s: every 22 minutes.
  @Test
  void youngAndDalySayWhenToSave() {
    Reliability reliability = new Reliability(7.9 * 3600);
    assertThat(reliability.interval(30) / 60).isCloseTo(21.8, within(0.05));
    assertThat(reliability.lost(30)).isCloseTo(2 * 30 / reliability.interval(30), within(1e-12));
  }

  /// 419 failures in 54 days of 16,384 ranks are one in 3.1 hours.
  @Test
  void ranksFailTogetherMoreOften() {
    double all = Reliability.of(16_384, Reliability.FAILURES_PER_RANK_YEAR).meanSeconds() / 3600;
    assertThat(all).isCloseTo(54 * 24 / 419.0, within(1e-9));
    assertThat(Reliability.of(1024, Reliability.FAILURES_PER_RANK_YEAR).meanSeconds() / 3600)
        .isCloseTo(16 * all, within(1e-9));
    assertThatThrownBy(() -> Reliability.of(1, 0)).isInstanceOf(IllegalArgumentException.class);
  }
}
