// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class VectorLoopsGeneratorTest {
  @ParameterizedTest
  @ValueSource(ints = {128, 256, 512})
  void checkedInLoopsAreWhatTheGeneratorWrites(int bits) throws IOException {
    assertThat(Files.readString(VectorLoopsGenerator.file(bits)))
        .as("./mvnw -pl longnet-attention test -Dtest=VectorLoopsGenerator writes them anew")
        .isEqualTo(VectorLoopsGenerator.generate(bits));
  }
}
