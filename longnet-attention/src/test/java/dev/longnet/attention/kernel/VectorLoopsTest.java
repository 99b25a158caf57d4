// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.data.Percentage.withPercentage;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorLoopsTest {
  @ParameterizedTest
  @ValueSource(ints = {128, 256, 512})
  void totalsAreSumsOfRegisters(int bits) {
    VectorLoops loops = VectorShapes.loops(bits);
    Random random = new Random(1);
    for (int rows : new int[] {1, 5, 17, 96}) {
      totalsAreSumsOfRegisters(loops, random, rows);
    }
  }

  private static void totalsAreSumsOfRegisters(VectorLoops loops, Random random, int rows) {
    int whole = Math.ceilDiv(rows, loops.lanes) * loops.lanes;
    MemorySegment sums = Arena.ofAuto().allocate(4L * whole * loops.lanes, 64);
    double[] exact = new double[rows];
    for (int i = 0; i < rows; i++) {
      for (int lane = 0; lane < loops.lanes; lane++) {
        sums.setAtIndex(JAVA_FLOAT, (long) i * loops.lanes + lane, random.nextFloat() + i);
        exact[i] += sums.getAtIndex(JAVA_FLOAT, (long) i * loops.lanes + lane);
      }
    }
    MemorySegment totals = Arena.ofAuto().allocate(4L * (whole + 1), 64);
    MemorySegment scales = Arena.ofAuto().allocate(4L * (whole + 1), 64);
    totals.setAtIndex(JAVA_FLOAT, whole, -7);
    scales.setAtIndex(JAVA_FLOAT, whole, -7);
    loops.totals(sums.address(), rows, totals.address(), scales.address());
    assertThat(totals.getAtIndex(JAVA_FLOAT, whole)).isEqualTo(-7);
    assertThat(scales.getAtIndex(JAVA_FLOAT, whole)).isEqualTo(-7);
    for (int i = 0; i < rows; i++) {
      assertThat(totals.getAtIndex(JAVA_FLOAT, i))
          .isCloseTo((float) exact[i], withPercentage(1e-4));
      assertThat(scales.getAtIndex(JAVA_FLOAT, i)).isEqualTo(1 / totals.getAtIndex(JAVA_FLOAT, i));
    }
  }

  @Test
  void logarithmIsExactToABillionth() {
    Random random = new Random(1);
    for (int i = 0; i < 100_000; i++) {
      float x = (float) Math.exp(random.nextDouble() * 60 - 20);
      assertThat(Math.abs(Scratch.log(x) - Math.log(x))).isLessThan(2e-9);
    }
  }
}
