// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;

class FloatsTest {
  private static final float[] VALUES = {0, -0f, 1, -2.5f, 65504, 6.1035156e-5f};

  @Test
  void exactValuesSurviveEveryType() {
    MemorySegment f64 = Arena.ofAuto().allocate(48);
    MemorySegment f16 = Arena.ofAuto().allocate(12);
    MemorySegment bf16 = Arena.ofAuto().allocate(12);
    for (int i = 0; i < VALUES.length; i++) {
      f64.setAtIndex(ValueLayout.JAVA_DOUBLE, i, VALUES[i]);
      f16.setAtIndex(ValueLayout.JAVA_SHORT, i, Float.floatToFloat16(VALUES[i]));
      bf16.setAtIndex(
          ValueLayout.JAVA_SHORT, i, (short) (Float.floatToRawIntBits(VALUES[i]) >>> 16));
    }
    assertThat(floats(DType.F64, f64)).isEqualTo(VALUES);
    assertThat(floats(DType.F16, f16)).isEqualTo(VALUES);
    float[] truncated = VALUES.clone();
    truncated[4] = 65280; // eight bits of mantissa
    assertThat(floats(DType.BF16, bf16)).isEqualTo(truncated);
  }

  private static float[] floats(DType type, MemorySegment data) {
    TensorEntry entry = new TensorEntry("x", type, new long[] {2, 3}, data);
    return Floats.toFloat32(entry, Arena.ofAuto()).data().toArray(ValueLayout.JAVA_FLOAT);
  }

  @Test
  void float32IsNotCopied() {
    TensorEntry entry = TensorEntry.of("x", new long[] {2}, 1f, 2f);
    assertThat(Floats.toFloat32(entry, Arena.ofAuto())).isSameAs(entry);
  }

  @Test
  void findsWhatIsNotFinite() {
    assertThat(Floats.firstNotFinite(TensorEntry.of("x", new long[] {3}, 1f, 2f, Float.NaN)))
        .isEqualTo(2);
    assertThat(
            Floats.firstNotFinite(TensorEntry.of("x", new long[] {2}, Float.NEGATIVE_INFINITY, 2f)))
        .isZero();
    assertThat(Floats.firstNotFinite(TensorEntry.of("x", new long[] {2}, 1f, Float.MAX_VALUE)))
        .isEqualTo(-1);
  }

  @Test
  void integersAreRefused() {
    assertThatThrownBy(() -> Floats.get(TensorEntry.of("ids", new long[] {1}, 7L), 0))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("tensor ids must be F64, F32, F16 or BF16: dtype=I64");
    assertThat(Floats.isFloating(DType.I64)).isFalse();
  }
}
