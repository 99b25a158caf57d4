// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

class NativeMemoryTest {
  private final long before = NativeMemory.held();

  @Test
  void closingFreesAllAndAPartAloneOnlyItself() {
    try (NativeMemory memory = new NativeMemory()) {
      NativeFloats own = memory.floats(10);
      NativeMemory part = memory.part();
      NativeFloats inPart = part.part().floats(1000);
      memory.part().floats(7);
      assertThat(memory.bytes()).isEqualTo(NativeMemory.held() - before).isGreaterThan(4000);
      part.close();
      part.close();
      assertThatThrownBy(() -> inPart.get(0)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(() -> part.floats(1)).isInstanceOf(IllegalStateException.class);
      assertThatThrownBy(part::part).isInstanceOf(IllegalStateException.class);
      assertThat(own.get(9)).isZero();
      assertThat(memory.bytes()).isEqualTo(NativeMemory.held() - before).isLessThan(1000);
    }
    assertThat(NativeMemory.held()).isEqualTo(before);
  }

  @Test
  void theLimitHoldsForPartsAndWhatIsFreedCanBeTakenAgain() {
    try (NativeMemory memory = new NativeMemory(1000)) {
      NativeMemory part = memory.part();
      part.floats(100);
      assertThatThrownBy(() -> memory.floats(150))
          .isInstanceOf(OutOfMemoryError.class)
          .hasMessageContaining("limited to 1,000 bytes");
      assertThatThrownBy(() -> part.part().floats(150)).isInstanceOf(OutOfMemoryError.class);
      assertThat(memory.bytes()).isEqualTo(NativeMemory.held() - before).isEqualTo(464);
      part.close();
      assertThat(memory.floats(150).bytes()).isEqualTo(664);
    }
    assertThat(NativeMemory.held()).isEqualTo(before);
  }

  @Test
  void aBuildThatFailsFreesWhatItTook() {
    try (NativeMemory memory = new NativeMemory(1000)) {
      assertThatThrownBy(() ->
              memory.part().build(part -> new NativeFloats[] {part.floats(100), part.floats(200)}))
          .isInstanceOf(OutOfMemoryError.class);
      assertThat(memory.bytes()).isZero();
      assertThat(memory.part().build(part -> part.floats(100)).bytes()).isEqualTo(464);
    }
  }
}
