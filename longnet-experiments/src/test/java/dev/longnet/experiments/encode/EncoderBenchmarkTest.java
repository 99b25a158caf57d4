// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.encode;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.attention.pattern.HeadOffsets;
import dev.longnet.core.config.Activation;
import dev.longnet.core.config.EncoderConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.config.RuntimeConfig.AttentionChoice;
import dev.longnet.core.config.RuntimeConfig.Precision;
import dev.longnet.core.config.SegmentLengths;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

class EncoderBenchmarkTest {
  private static final RuntimeConfig RUNTIME =
      RuntimeConfig.of("cpu", Precision.FP32, 2, AttentionChoice.JAVA, false);

  @Test
  void oneSequenceIsOneRow() throws IOException {
    List<Integer> layers = new ArrayList<>();
    List<EncoderBenchmark.Result> shown = new ArrayList<>();
    ResultTable table =
        EncoderBenchmark.experiment(config(), 200, RUNTIME, layers::add, shown::add)
            .run(Measured.here("", List.of()), Optional.empty());
    assertThat(layers).endsWith(2);
    assertThat(table.content().column("embeddings")).containsExactly("200");
    assertThat(table.content().numbers("time")[0]).isEqualTo(shown.getFirst().seconds());
    // Dense within 64 and every second of 200: forward pairs of a head, 4 D each, by two layers.
    double pairs = 3 * 64 * 64 + 8 * 8 + 100 * 100;
    assertThat(shown.getFirst().attentionFlops()).isEqualTo(4 * 16 * pairs * 2 * 2);
    assertThat(shown.getFirst().flops() - shown.getFirst().attentionFlops())
        .isEqualTo(2.0 * 200 * 2 * (4 * 32 * 32 + 2 * 32 * 128));
    assertThat(shown.getFirst().share()).isPositive();
  }

  private static EncoderConfig config() {
    return new EncoderConfig(
        2,
        32,
        2,
        128,
        Activation.GELU,
        true,
        new SegmentLengths.Fixed(List.of(64L, 200L)),
        List.of(1L, 2L),
        HeadOffsets.BLOCKED,
        false,
        Optional.empty(),
        false,
        new EncoderConfig.InputPositions.None(),
        Optional.empty(),
        Optional.empty());
  }
}
