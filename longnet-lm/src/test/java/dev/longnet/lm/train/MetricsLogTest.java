// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class MetricsLogTest {
  @TempDir Path directory;

  @Test
  void resumingDropsLaterStepsAndACutLine() throws Exception {
    Path file = directory.resolve("metrics.jsonl");
    try (MetricsLog log = MetricsLog.open(file, 0)) {
      for (int step = 1; step <= 4; step++) {
        log.write(MetricsLog.line("train", step));
      }
    }
    Files.writeString(file, "{\"event\":\"tra", StandardOpenOption.APPEND);
    try (MetricsLog log = MetricsLog.open(file, 2)) {
      log.write(MetricsLog.line("train", 3).put("loss", 1.5));
    }
    assertThat(Files.readString(file))
        .isEqualTo(
            """
            {"event":"train","step":1}
            {"event":"train","step":2}
            {"event":"train","step":3,"loss":1.5}
            """);
  }

  @Test
  void aLossThatIsNotANumberIsNull() {
    StepMetrics skipped =
        new StepMetrics(
            3,
            Double.NaN,
            Double.POSITIVE_INFINITY,
            1e-3,
            10,
            2,
            5,
            20,
            1,
            10,
            0.5,
            true,
            1,
            Optional.empty());
    assertThat(skipped.toJson().toString())
        .contains("\"loss\":null", "\"gradient_norm\":null", "\"skipped\":true")
        .contains("\"phase\":2,\"window\":5,\"step_tokens\":20");
  }
}
