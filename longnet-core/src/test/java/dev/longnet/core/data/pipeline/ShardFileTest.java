// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.data.TokenShards;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Whole buffers go around the page cache, the rest through it: the file must not show where.
class ShardFileTest {
  @TempDir Path directory;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 4095, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20, 3_333_333})
  void holdsWhatWasWritten(int size) throws IOException {
    Path file = directory.resolve("file");
    Files.write(file, new byte[5 << 20]); // something longer was there before
    Random random = new Random(size);
    ByteArrayOutputStream expected = new ByteArrayOutputStream();
    ShardFile written = new ShardFile(file);
    try (written) {
      while (expected.size() < size) {
        byte[] part =
            new byte
                [Math.min(
                    size - expected.size(),
                    random.nextInt(random.nextBoolean() ? 100 : 2_000_000))];
        random.nextBytes(part);
        written.write(MemorySegment.ofArray(part));
        expected.writeBytes(part);
        assertThat(written.bytes()).isEqualTo(expected.size());
      }
    }
    assertThat(Files.readAllBytes(file)).isEqualTo(expected.toByteArray());
    assertThat(written.bytes()).isEqualTo(size);
    assertThat(written.crc()).isEqualTo(TokenShards.crc(file));
  }
}
