// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.Test;

class Int8RowsTest {
  /// Rounding to the nearest of 255 steps: half a step of the row's own scale, whatever the other
  /// rows hold.
  @Test
  void everyWeightIsWithinHalfAStepOfItsRow() {
    int out = 5;
    int in = 37;
    float[] values = new float[out * in];
    Random random = new Random(3);
    for (int i = 0; i < values.length; i++) {
      values[i] = i / in == 3 ? 0 : (float) (random.nextGaussian() * Math.pow(10, i / in - 2));
    }
    try (Arena arena = Arena.ofConfined()) {
      Int8Rows.Pair pair =
          Int8Rows.quantize(TensorEntry.of("m", new long[] {out, in}, values), arena);
      assertThat(pair.matrix().type()).isEqualTo(DType.I8);
      assertThat(pair.scales().name()).isEqualTo("m.scale");
      TensorEntry back = Int8Rows.dequantize(pair.matrix(), pair.scales(), arena);
      for (int row = 0; row < out; row++) {
        float largest = 0;
        for (int i = 0; i < in; i++) {
          largest = Math.max(largest, Math.abs(values[row * in + i]));
        }
        for (int i = row * in; i < (row + 1) * in; i++) {
          double got = back.data().getAtIndex(ValueLayout.JAVA_FLOAT, i);
          assertThat(got).isCloseTo(values[i], within(largest / 127 * 0.50001));
        }
      }
    }
  }

  @Test
  void refusesWhatIsNoWeight() {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(
              () -> Int8Rows.quantize(TensorEntry.of("m", new long[] {1, 2}, 1, Float.NaN), arena))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("tensor m holds NaN");
      TensorEntry int8 =
          Int8Rows.quantize(TensorEntry.of("m", new long[] {1, 2}, 1f, 2f), arena).matrix();
      assertThatThrownBy(() -> Int8Rows.quantize(int8, arena))
          .hasMessageContaining("already quantised");
      assertThatThrownBy(() ->
              Int8Rows.dequantize(int8, TensorEntry.of("m.scale", new long[] {2}, 1f, 2f), arena))
          .hasMessageContaining("m.scale must be F32 of shape [1]");
    }
  }
}
