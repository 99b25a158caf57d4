// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.train.StepMetrics;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class ProgressLineTest {
  private final StringWriter bytes = new StringWriter();

  @Test
  void plainLinesAreRareAndCarryNoControlCharacters() {
    ProgressLine line = new ProgressLine(new PrintWriter(bytes), false, 3, false, step -> 3 - step);
    line.step(metrics(1));
    line.step(metrics(2));
    line.step(metrics(3));
    assertThat(bytes.toString().lines())
        .containsExactly(
            "step 1/3  loss 2.000  16.4 ktok/s  75% of matmul rate  ETA 0:04",
            "step 3/3  loss 2.000  16.4 ktok/s  75% of matmul rate  ETA 0:00");
  }

  @Test
  void aTerminalLineRewritesItself() {
    ProgressLine line = new ProgressLine(new PrintWriter(bytes), true, 2, false, step -> 2 - step);
    line.step(metrics(1));
    line.step(metrics(2));
    line.endLine();
    assertThat(bytes.toString())
        .startsWith("\r[##########..........] step 1/2")
        .contains("\r[####################] step 2/2");
    assertThat(bytes.toString().lines().count()).isEqualTo(3);
  }

  @Test
  void windowsThatGrowAreShownAndCountInTheTimeLeft() {
    ProgressLine line =
        new ProgressLine(new PrintWriter(bytes), false, 9, true, step -> step == 1 ? 20 : 8);
    line.step(metrics(1, 64));
    line.step(metrics(9, 2048));
    assertThat(bytes.toString().lines())
        .containsExactly(
            "step 1/9  window 64  loss 2.000  16.4 ktok/s  75% of matmul rate  ETA 0:40",
            "step 9/9  window 2048  loss 2.000  16.4 ktok/s  75% of matmul rate  ETA 0:16");
  }

  @Test
  void durations() {
    assertThat(ProgressLine.duration(3909)).isEqualTo("1:05:09");
    assertThat(ProgressLine.duration(3.5 * 86_400)).isEqualTo("3.5 days");
    assertThat(ProgressLine.duration(4e8)).isEqualTo("13 years");
    assertThat(ProgressLine.duration(0.4)).isEqualTo("0:00");
    assertThat(ProgressLine.duration(Double.NaN)).isEqualTo("?");
  }

  private static StepMetrics metrics(long step) {
    return metrics(step, 64);
  }

  private static StepMetrics metrics(long step, int window) {
    return new StepMetrics(
        step, 2.0, 1, 1e-3, 1000, 1, window, 256, 2, 16_384, 0.75, false, 0, Optional.empty());
  }
}
