// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// A genome's tail as the only held-out document: gigabytes that must neither be read nor scored.
class HugeDocumentEvaluationTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base"})
  void onlyTheBeginningCounts(String name) throws IOException {
    StringBuilder text = new StringBuilder();
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      text.append("word").append(random.nextInt(100)).append(" é\n");
    }
    Path file = Files.writeString(temp.resolve("huge.txt"), text);
    CorpusConfig plain = CorpusConfig.of(List.of(file.toString()), name);
    CorpusConfig half =
        new CorpusConfig(
            plain.sources(), name, 0.5, plain.filter(), plain.duplicates(), plain.input());
    Tokenizer tokenizer = Tokenizers.of(name);
    try (TokenShards shards =
        Tokenization.prepare(half, temp.resolve("shards"), false, 1, TokenizationListener.NONE)) {
      assertThat(shards.validation().documents()).isEqualTo(1);
      long[] scored = {0};
      Scorer scorer =
          (windows, batch, tokens) -> {
            scored[0] += (long) batch * tokens;
            return new float[batch * tokens];
          };
      Evaluation.Documents one =
          new Evaluator(scorer, tokenizer).documents(shards.validation(), 64, 1000);
      assertThat(scored[0]).isEqualTo(1000);
      assertThat(one.tokens()).isEqualTo(1000);
      assertThat(one.documents()).isEqualTo(1);
      byte[] whole = shards.validation().text(0);
      byte[] prefix = shards.validation().text(0, one.bytes());
      assertThat(prefix).isEqualTo(Arrays.copyOf(whole, prefix.length));
      assertThat(tokenizer.encode(prefix).length).isBetween(998, 1002);
      assertThat(one.gzipBitsPerByte())
          .isCloseTo(8.0 * Evaluator.gzipBytes(prefix) / prefix.length, within(1e-9));
      // A document that is not far longer than asked for is scored whole, as before.
      long all = shards.validation().size();
      assertThat(
              new Evaluator(scorer, tokenizer)
                  .documents(shards.validation(), 64, all / 2 + 1)
                  .tokens())
          .isEqualTo(all);
    }
  }
}
