// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TurnsTest {
  @ParameterizedTest
  @CsvSource({"2, 10, 2", "8, 120, 8", "64, 120, 8", "64, 10, 22", "64, 1, 64", "1000, 120, 25"})
  void everybodysTurnComesInAThirdOfTheTimeout(int size, int timeout, int atOnce) {
    Turns turns = new Turns(size, Duration.ofSeconds(timeout));
    for (int round = 0; round < 3; round++) {
      Set<Integer> seen = new HashSet<>();
      for (int tick = 0; tick < Math.max(timeout / 3, 1); tick++) {
        int[] taken = turns.take();
        assertThat(taken).hasSize(atOnce).doesNotHaveDuplicates();
        for (int one : taken) {
          seen.add(one);
        }
      }
      assertThat(seen).hasSize(size);
    }
  }
}
