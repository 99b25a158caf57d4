// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Formats with checksums: whatever the damage, it is said, or the documents are those of the file
/// undamaged.
@Timeout(60)
class DamageTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"d.zip", "d.tar.gz", "d.tar.zst", "d.jsonl.gz", "d.jsonl.zst"})
  void nothingIsLostSilently(String name) throws IOException {
    byte[] whole = file(name);
    Path file = Files.write(temp.resolve(name), whole);
    Walked expected = Walked.of(file, temp);
    assertThat(expected.texts()).hasSizeGreaterThanOrEqualTo(3);
    assertThat(expected.rejected()).isEmpty();
    for (long seed = 0; seed < 400; seed++) {
      Random random = new Random(seed);
      byte[] bad = whole.clone();
      for (int i = 0; i <= random.nextInt(4); i++) {
        bad[random.nextInt(bad.length)] ^= (byte) (1 << random.nextInt(8));
      }
      if (random.nextInt(4) == 0) {
        bad = Arrays.copyOf(bad, random.nextInt(bad.length));
      }
      Files.write(file, bad);
      Walked found = Walked.of(file, temp);
      if (found.rejected().isEmpty()) {
        if (name.endsWith("zip")) {
          // Its names have no checksum.
          assertThat(found.texts().values())
              .as("seed %d", seed)
              .containsExactlyInAnyOrderElementsOf(expected.texts().values());
        } else {
          assertThat(found.texts()).as("seed %d", seed).isEqualTo(expected.texts());
        }
      }
    }
  }

  private static byte[] file(String name) throws IOException {
    if (name.endsWith("zip")) {
      return zip(DOCUMENTS);
    }
    if (name.contains("tar")) {
      return compress(name, tar(new TreeMap<>(DOCUMENTS)));
    }
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 30; i++) {
      rows.append("{\"text\": \"row ").append(i * i).append("\"}\n");
    }
    return compress(name, rows.toString().getBytes(StandardCharsets.UTF_8));
  }
}
