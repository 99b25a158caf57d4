// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import org.junit.jupiter.api.Test;

class SimdTilesGeneratorTest {
  @Test
  void checkedInTilesAreWhatTheGeneratorWrites() throws IOException {
    assertThat(Files.readString(SimdTilesGenerator.FILE))
        .as(
            "./mvnw -pl longnet-core -am test -Dtest=SimdTilesGenerator"
                + " -Dsurefire.failIfNoSpecifiedTests=false writes it anew")
        .isEqualTo(SimdTilesGenerator.generate());
  }
}
