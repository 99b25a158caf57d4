// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Random;
import jdk.incubator.vector.FloatVector;
import org.junit.jupiter.api.Test;

class AllLanesTest {
  private static final int LANES = FloatVector.SPECIES_PREFERRED.length();

  /// Often enough that C1 and C2 take turns with the interpreter.
  @Test
  void addsInOneOrderHoweverItIsCompiled() {
    Random random = new Random(1);
    float[] x = new float[LANES];
    for (int i = 0; i < 100_000; i++) {
      fill(x, random);
      float sum = AllLanes.total(FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, x, 0));
      assertThat(sum).isEqualTo(tree(x.clone()));
    }
  }

  @Test
  void fourTotalsAreFourTimesOne() {
    Random random = new Random(3);
    float[] x = new float[LANES];
    for (int i = 0; i < 20_000; i++) {
      FloatVector[] each = new FloatVector[4];
      for (int j = 0; j < 4; j++) {
        fill(x, random);
        each[j] = FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, x, 0);
      }
      FloatVector sums = AllLanes.totals(each[0], each[1], each[2], each[3]);
      for (int j = 0; j < 4; j++) {
        assertThat(sums.lane(j)).isEqualTo(AllLanes.total(each[j]));
      }
    }
  }

  @Test
  void findsTheLargest() {
    Random random = new Random(2);
    float[] x = new float[LANES];
    for (int i = 0; i < 1_000; i++) {
      fill(x, random);
      float largest = x[0];
      for (float value : x) {
        largest = Math.max(largest, value);
      }
      assertThat(AllLanes.max(FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, x, 0)))
          .isEqualTo(largest);
    }
    x[LANES - 1] = Float.NaN;
    assertThat(AllLanes.max(FloatVector.fromArray(FloatVector.SPECIES_PREFERRED, x, 0))).isNaN();
  }

  private static void fill(float[] x, Random random) {
    for (int lane = 0; lane < LANES; lane++) {
      x[lane] = (float) (random.nextGaussian() * Math.exp(4 * random.nextGaussian()));
    }
  }

  private static float tree(float[] x) {
    for (int half = LANES / 2; half > 0; half /= 2) {
      for (int lane = 0; lane < half; lane++) {
        x[lane] += x[lane + half];
      }
    }
    return x[0];
  }
}
