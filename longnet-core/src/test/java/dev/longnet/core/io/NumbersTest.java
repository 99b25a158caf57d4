// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import org.junit.jupiter.api.Test;

class NumbersTest {
  @Test
  void aNumberBeyondTheNarrowTypeIsRefusedAndNotMadeInfinite() {
    try (Arena arena = Arena.ofConfined()) {
      TensorEntry large = TensorEntry.of("layers.3.weight", new long[] {2}, 1f, -70_000f);
      assertThatThrownBy(() -> Numbers.convert(large, DType.F16, arena))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("layers.3.weight holds -70000.0")
          .hasMessageContaining("F16");
      assertThat(Numbers.get(Numbers.convert(large, DType.BF16, arena).data(), DType.BF16, 1))
          .isEqualTo(-70_144);
      TensorEntry most =
          TensorEntry.of("x", new long[] {3}, 65_504f, Float.POSITIVE_INFINITY, Float.NaN);
      TensorEntry narrow = Numbers.convert(most, DType.F16, arena);
      assertThat(Numbers.get(narrow.data(), DType.F16, 0)).isEqualTo(65_504);
      assertThat(Numbers.get(narrow.data(), DType.F16, 1)).isInfinite();
      assertThat(Numbers.get(narrow.data(), DType.F16, 2)).isNaN();
    }
  }
}
