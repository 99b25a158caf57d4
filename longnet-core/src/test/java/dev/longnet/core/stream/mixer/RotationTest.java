// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.mixer;

import static org.assertj.core.api.Assertions.assertThat;

import java.math.BigDecimal;
import org.junit.jupiter.api.Test;

class RotationTest {
  @Test
  void anglesAreExactAt2To40() {
    BigDecimal twoPi =
        new BigDecimal("6.283185307179586476925286766559005768394338798750211641949889");
    for (long position : new long[] {77, (1L << 20) + 1, (1L << 40) - 1, (1L << 40) + 77}) {
      for (int i = 0; i < 32; i++) {
        double theta = Math.pow(10000, -i / 32.0);
        double exact =
            new BigDecimal(theta)
                .multiply(BigDecimal.valueOf(position))
                .remainder(twoPi)
                .doubleValue();
        double angle = Rotation.angle(position, theta);
        assertThat(Math.hypot(Math.cos(exact) - Math.cos(angle), Math.sin(exact) - Math.sin(angle)))
            .as("position %d pair %d", position, i)
            .isLessThan(1e-14);
      }
    }
  }
}
