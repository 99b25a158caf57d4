// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Bits per byte are of the original text's bytes, whatever a tokenizer makes of it.
class TextBytesTest {
  private static final Path FOLDER = Path.of("src/test/resources/tokenizers");

  /// One nat a token.
  private static final Scorer ONE =
      (windows, batch, tokens) -> {
        float[] losses = new float[batch * tokens];
        Arrays.fill(losses, 1);
        return losses;
      };

  @TempDir Path temp;

  private TokenShards shards(Path corpus, String tokenizer) throws IOException {
    CorpusConfig plain = CorpusConfig.of(List.of(corpus.toString()), tokenizer);
    CorpusConfig half =
        new CorpusConfig(
            plain.sources(), tokenizer, 0.5, plain.filter(), plain.duplicates(), plain.input());
    return Tokenization.prepare(half, temp.resolve("shards"), true, 1, TokenizationListener.NONE);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"llama", "mistral", "gemma", "t5", "unigram-bytes", "bert", "clip", "qwen2"})
  void documentsHaveTheBytesOfTheirTexts(String name) throws IOException {
    String file = FOLDER.resolve(name + ".json").toString();
    Tokenizer tokenizer = Tokenizers.of(file);
    try (TokenShards shards = shards(FOLDER.resolve("chinese.jsonl"), file)) {
      TokenSplit held = shards.validation();
      assertThat(held.documents()).isGreaterThan(10);
      long bytes = 0;
      long changed = 0;
      for (long i = 0; i < held.documents(); i++) {
        byte[] text = held.text(i);
        bytes += text.length;
        changed += tokenizer.givesBack(new byte[0], text, tokenizer.encode(text)) ? 0 : 1;
      }
      Evaluator evaluator = new Evaluator(ONE, tokenizer);
      Evaluation.Documents all = evaluator.documents(held, 64, Long.MAX_VALUE);
      assertThat(all.bytes()).isEqualTo(bytes);
      assertThat(all.changed()).isEqualTo(changed);
      assertThat(all.bitsPerByte()).isCloseTo(all.tokens() / Math.log(2) / bytes, within(1e-9));
      // From the second token on: the first document's first token has no prediction.
      int first = tokenizer.byteCounts(new byte[0], held.text(0))[0];
      long whole = held.size() - 1;
      assertThat(evaluator.textBytes(held, whole)).isEqualTo(bytes - first);
      // Every token of the split has its share, and the shares sum to the whole.
      TextBytes counter = new TextBytes(tokenizer);
      long sum = 0;
      for (long token = 0; token < held.size(); token++) {
        long one = counter.of(held, token, token + 1);
        assertThat(one).isNotNegative();
        sum += one;
      }
      assertThat(sum).isEqualTo(bytes);
      assertThat(shards.manifest().sources().getFirst().changedDocuments() > 0)
          .isEqualTo(changed > 0);
    }
  }

  /// A single text file's held-out tail, of which the beginning is scored.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "t5", "bert", "gpt2"})
  void theBeginningOfAFileHasTheBytesOfItsTokens(String name) throws IOException {
    String file = FOLDER.resolve(name + ".json").toString();
    Tokenizer tokenizer = Tokenizers.of(file);
    Path corpus =
        Files.writeString(temp.resolve("text.txt"), "naïve words, 中文 of the text\n".repeat(9000));
    try (TokenShards shards = shards(corpus, file)) {
      TokenSplit held = shards.validation();
      TokenDocument tail = held.document(0);
      int[] counts = tokenizer.byteCounts(new byte[0], held.text(0));
      assertThat(tail.tokens()).as("pieces have the ids of the whole").isEqualTo(counts.length + 1);
      int wanted = counts.length / 3;
      long expected = IntStream.of(counts).limit(wanted).sum();
      Evaluation.Documents one = new Evaluator(ONE, tokenizer).documents(held, 64, wanted);
      assertThat(one.tokens()).isEqualTo(wanted);
      assertThat(one.bytes()).isEqualTo(expected);
    }
  }

  @Test
  void whatTheModelGivesToIdsWithoutTextIsSaid() throws IOException {
    Tokenizer bytes = Tokenizers.of("bytes");
    Scorer padded =
        new Scorer() {
          @Override
          public float[] losses(long[] windows, int batch, int tokens) {
            throw new AssertionError();
          }

          @Override
          public int vocabulary() {
            return 320;
          }

          @Override
          public Shared shared(long[] windows, int batch, int tokens, int[] ids) {
            assertThat(ids).hasSize(320 - 257).startsWith(257);
            return new Shared(new float[batch * tokens], batch * tokens * 0.25);
          }
        };
    Path corpus = Files.createDirectories(temp.resolve("corpus"));
    for (int i = 0; i < 20; i++) {
      Files.writeString(corpus.resolve("d" + i), "document " + i);
    }
    try (TokenShards shards = shards(corpus, "bytes")) {
      Evaluation.AtLength at = new Evaluator(padded, bytes).atLength(shards.validation(), 16, 48);
      assertThat(at.textless()).hasValue(0.25);
      assertThat(Evaluation.lost(0.25)).get().asString().startsWith("25.00 % of the probability");
      assertThat(new Evaluator(ONE, bytes).atLength(shards.validation(), 16, 48).textless())
          .isEmpty();
    }
  }
}
