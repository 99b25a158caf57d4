// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.join;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// The frames of a .zst, which the library reads on its own; [GzipInputTest] has the members of a
/// .gz.
class GuardedInputTest {
  private static final byte[] FIRST = compressed(1, 300);
  private static final byte[] WHOLE = join(FIRST, compressed(2, 400));

  @TempDir Path temp;

  private static byte[] compressed(long seed, int size) {
    byte[] bytes = new byte[size];
    Random random = new Random(seed);
    for (int i = 0; i < size; i++) {
      bytes[i] = (byte) ('a' + random.nextInt(20));
    }
    try {
      return compress("zst", bytes);
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private byte[] read(byte[] content) throws IOException {
    try (GuardedInput in =
        GuardedInput.open(
            Files.write(temp.resolve("f.zst"), content),
            Reading.of(Packing.ZSTD, Reading.Kind.TEXT),
            InputPolicy.DEFAULT)) {
      return in.readAllBytes();
    }
  }

  @Test
  void everyCutIsSaid() throws IOException {
    assertThat(read(WHOLE)).hasSize(700);
    for (int cut = 0; cut < WHOLE.length; cut++) {
      byte[] part = Arrays.copyOf(WHOLE, cut);
      if (cut == FIRST.length) {
        assertThat(read(part)).hasSize(300);
      } else {
        assertThatThrownBy(() -> read(part)).as("cut at %d", cut).isInstanceOf(IOException.class);
      }
    }
  }

  @Test
  void aDamagedLaterFrameIsSaid() throws IOException {
    byte[] expected = read(WHOLE);
    for (int at = FIRST.length; at < WHOLE.length; at++) {
      byte[] damaged = WHOLE.clone();
      damaged[at] ^= 4;
      byte[] found;
      try {
        found = read(damaged);
      } catch (IOException e) {
        continue;
      }
      assertThat(found).as("byte %d", at).isEqualTo(expected);
    }
  }
}
