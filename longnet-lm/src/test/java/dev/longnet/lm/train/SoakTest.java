// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Memory over a long run: neither libtorch's tensors nor the process may grow.
@Tag("slow")
class SoakTest {
  @TempDir Path directory;

  @Test
  void aThousandStepsKeepNativeMemoryFlat() throws Exception {
    try (TinyRun run = TinyRun.start(directory, "training.steps=1200")) {
      run.run();
      assertThat(run.pointers.get(1199)).isEqualTo(run.pointers.get(199));
      long early = run.resident.get(199);
      long late = run.resident.get(1199);
      System.out.printf(
          "resident after step 200: %d MiB, after step 1,200: %d MiB%n", early >> 20, late >> 20);
      // The Java heap may still grow to its working size; a leak of one [256, 32] tensor a step
      // would be 32 MiB.
      assertThat(late - early).isLessThan(32L << 20);
    }
  }
}
