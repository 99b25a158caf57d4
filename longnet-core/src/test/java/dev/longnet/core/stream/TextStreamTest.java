// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TextStreamTest {

  @Test
  void anyCutGivesTheSameText() {
    String text = "int π = 3; // 日本語 🎉 e\u0301 end";
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      TextStream stream = new TextStream();
      StringBuilder seen = new StringBuilder();
      for (int from = 0; from < bytes.length; ) {
        int to = Math.min(bytes.length, from + random.nextInt(4));
        String piece = stream.add(Arrays.copyOfRange(bytes, from, to));
        assertThat(piece).as("seed %d", seed).doesNotContain("\uFFFD");
        seen.append(piece);
        from = to;
      }
      assertThat(seen + stream.end()).as("seed %d", seed).isEqualTo(text);
    }
  }

  @Test
  void aCharacterAppearsWithItsLastByte() {
    TextStream stream = new TextStream();
    assertThat(stream.add(new byte[] {(byte) 0xE2, (byte) 0x82})).isEmpty();
    assertThat(stream.add(new byte[] {(byte) 0xAC, 'x'})).isEqualTo("€x");
  }

  @Test
  void invalidAndUnfinishedBytesBecomeTheReplacementCharacter() {
    TextStream stream = new TextStream();
    assertThat(stream.add(new byte[] {(byte) 0xFF, 'a', (byte) 0xE2})).isEqualTo("\uFFFDa");
    assertThat(stream.end()).isEqualTo("\uFFFD");
    assertThat(stream.add(new byte[] {'b'})).isEqualTo("b");
  }
}
