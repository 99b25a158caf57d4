// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.torch;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.machine.ProcessMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PageMemoryTest {
  /// From and to bytes of 1 MiB: nothing, less than a page, a page's rest, pages and what is beside
  /// them, everything.
  @ParameterizedTest
  @CsvSource({"0,0", "17,18", "100,60000", "65536,131072", "1,65537", "100000,900001", "0,1048576"})
  void clearsWhatItIsGivenAndNothingElse(int from, int to) {
    MemorySegment memory = TensorMemory.allocate(1 << 20);
    memory.fill((byte) 7);
    PageMemory.clear(memory.asSlice(from, to - from));
    for (int i = 0; i < memory.byteSize(); i++) {
      assertThat(memory.get(ValueLayout.JAVA_BYTE, i))
          .as("byte %d", i)
          .isEqualTo((byte) (i >= from && i < to ? 0 : 7));
    }
    memory.fill((byte) 3);
    assertThat(memory.get(ValueLayout.JAVA_BYTE, from)).isEqualTo((byte) 3);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void pagesGoBack() {
    long bytes = 512L << 20;
    MemorySegment memory = TensorMemory.allocate(bytes);
    memory.fill((byte) 1);
    long full = ProcessMemory.resident().orElseThrow();
    PageMemory.clear(memory);
    assertThat(full - ProcessMemory.resident().orElseThrow()).isGreaterThan(bytes / 2);
    assertThat(memory.get(ValueLayout.JAVA_BYTE, bytes - 1)).isZero();
  }
}
