// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.io.TensorEntry;
import dev.longnet.core.stream.Quantization;
import dev.longnet.core.stream.StreamOptions;
import dev.longnet.core.stream.StreamingModel;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.ResultTable;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import java.util.function.Function;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class InferenceBenchmarkTest {
  /// Takes seven seconds: a second for each model and round of single tokens, two rounds to warm
  /// up.
  @Test
  void bothSidesAreRows() throws IOException {
    ModelConfig config = StreamModels.small(StreamModels.growing(4096));
    Function<String, TensorEntry> weights = StreamModels.weights(config, 1);
    int[] text = new Random(1).ints(300, 0, 256).toArray();
    try (Arena arena = Arena.ofConfined();
        StreamingModel fp32 = StreamingModel.load(config, weights, StreamOptions.defaults());
        StreamingModel int8 =
            StreamingModel.load(
                config,
                Quantization.int8(Blueprint.of(config), weights, arena),
                StreamOptions.defaults())) {
      ResultTable table =
          InferenceBenchmark.experiment(fp32, int8, text, 200, 1, _ -> {}, _ -> {})
              .run(Measured.here("", List.of()), Optional.empty());
      assertThat(table.content().column("weights")).containsExactly("fp32", "int8");
      double[] size = table.content().numbers("size");
      assertThat(size[1]).isLessThan(size[0] / 3);
      double[] perplexity = table.content().numbers("perplexity");
      assertThat(perplexity[0]).isGreaterThan(1);
      assertThat(perplexity[1]).isBetween(0.9 * perplexity[0], 1.1 * perplexity[0]);
      for (String column :
          List.of("prompt", "share of matrix products", "one token at a time", "memory")) {
        assertThat(DoubleStream.of(table.content().numbers(column)))
            .as(column)
            .allMatch(value -> value > 0);
      }
    }
  }
}
