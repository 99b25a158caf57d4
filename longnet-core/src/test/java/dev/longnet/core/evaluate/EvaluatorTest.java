// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.TokenStream;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

class EvaluatorTest {
  private static final Tokenizer BYTES = Tokenizers.of("bytes");

  /// Loss 1 / (number of tokens before the target in its window): says how much context each
  /// prediction had.
  private static float[] byContext(long[] windows, int batch, int tokens) {
    float[] losses = new float[batch * tokens];
    for (int i = 0; i < losses.length; i++) {
      losses[i] = 1f / (1 + i % tokens);
    }
    return losses;
  }

  @Test
  void everyLengthScoresTheSameTokensOnce() {
    int[] ids = new Random(1).ints(5000, 0, 256).toArray();
    TokenStream text = TokenStream.of(ids);
    List<Long> lengths = List.of(7L, 64L, 1000L, 2000L);
    long tokens = Evaluator.scoredTokens(text, lengths, 4500);
    assertThat(tokens).isEqualTo(4000);
    for (long length : lengths) {
      TreeMap<Long, Integer> scored = new TreeMap<>();
      long[] next = {0};
      Scorer recording =
          (windows, batch, count) -> {
            for (int b = 0; b < batch; b++) {
              for (int i = 0; i <= count; i++) {
                assertThat(windows[b * (count + 1) + i]).isEqualTo(ids[(int) next[0] + i]);
              }
              for (int i = 1; i <= count; i++) {
                scored.merge(next[0] + i, 1, Integer::sum);
              }
              next[0] += count;
            }
            return byContext(windows, batch, count);
          };
      Evaluation.AtLength at = new Evaluator(recording, BYTES).atLength(text, length, tokens);
      assertThat(scored.keySet()).hasSize(4000);
      assertThat(scored.firstKey()).isEqualTo(1L);
      assertThat(scored.lastKey()).isEqualTo(4000L);
      assertThat(scored.values()).containsOnly(1);
      double expected = 0;
      for (long position = 0; position < tokens; position++) {
        expected += 1.0 / (1 + position % length);
      }
      assertThat(at.nats()).as("length %d", length).isCloseTo(expected / tokens, within(1e-6));
    }
  }

  @Test
  void perplexityAndBitsOfAUniformModel() {
    int[] ids = new Random(2).ints(1001, 0, 256).toArray();
    ids[500] = BYTES.endOfText();
    Scorer uniform =
        (windows, batch, tokens) -> {
          float[] losses = new float[batch * tokens];
          java.util.Arrays.fill(losses, (float) Math.log(256));
          return losses;
        };
    Evaluator evaluator = new Evaluator(uniform, BYTES);
    Evaluation.AtLength at = evaluator.atLength(TokenStream.of(ids), 100, 1000);
    assertThat(at.perplexity()).isCloseTo(256, within(1e-3));
    assertThat(at.bitsPerByte())
        .as("the end of text costs bits and is no byte")
        .isCloseTo(8.0 * 1000 / 999, within(1e-5));
    assertThat(evaluator.textBytes(TokenStream.of(ids), 1000)).isEqualTo(999);
  }

  /// A loss that is the token's position says which positions an octave holds.
  @Test
  void bitsByPositionOfTheLongestLength() {
    ByPosition.Sums sums = new ByPosition.Sums(200, 3);
    float[] losses = new float[3 * 200];
    for (int i = 0; i < losses.length; i++) {
      losses[i] = (float) (i % 200 * Math.log(2)) + (i / 200 == 2 ? (float) Math.log(2) : 0);
    }
    sums.add(0, new Sharing.Part(0, 200), losses);
    ByPosition found = sums.result(Sharing.ALONE);
    assertThat(found.octaves())
        .extracting(ByPosition.At::positions)
        .containsExactly(new Octave(0, 63), new Octave(64, 127), new Octave(128, 199));
    double third = 1.0 / 3;
    assertThat(found.octaves().get(0).bits()).isCloseTo(31.5 + third, within(1e-4));
    assertThat(found.octaves().get(2).bits()).isCloseTo(163.5 + third, within(1e-4));
    assertThat(found.octaves().get(2).tokens()).isEqualTo(3 * 72);
    assertThat(found.octaves().get(1).error())
        .as("of 0, 0 and 1")
        .isCloseTo(Math.sqrt(2.0 / 3 / 2 / 3), within(1e-4));
    assertThat(found)
        .hasToString(
            "bits a token by position in windows of 200: 0-63 31.833, 64-127 95.833, 128-199 163.833");
  }

  @Test
  void lengthsMustFitTheText() {
    TokenStream text = TokenStream.of(new int[100]);
    assertThat(Evaluator.scoredTokens(text, List.of(99L), 10)).isEqualTo(99);
    assertThatThrownBy(() -> Evaluator.scoredTokens(text, List.of(100L), 10))
        .hasMessageContaining("length=100");
    assertThatThrownBy(() -> Evaluator.scoredTokens(text, List.of(0L), 10))
        .hasMessageContaining("length=0");
    assertThatThrownBy(() -> Evaluator.scoredTokens(text, List.of(), 10))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void documentsStandAlone(@TempDir Path folder) throws IOException {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    Random random = new Random(3);
    for (int i = 0; i < 40; i++) {
      Files.writeString(
          corpus.resolve("d" + i + ".txt"),
          "document " + i + " " + "word ".repeat(random.nextInt(200)));
    }
    CorpusConfig plain = CorpusConfig.of(List.of(corpus.toString()), "bytes");
    CorpusConfig half =
        new CorpusConfig(
            plain.sources(), "bytes", 0.5, plain.filter(), plain.duplicates(), plain.input());
    try (TokenShards shards =
        Tokenization.prepare(half, folder.resolve("shards"), true, 1, TokenizationListener.NONE)) {
      TokenSplit held = shards.validation();
      assertThat(held.documents()).isGreaterThan(5);
      long[] seen = {0};
      Scorer checking =
          (windows, batch, tokens) -> {
            seen[0] += tokens;
            if (windows[0] == BYTES.endOfText()) {
              assertThat(new String(bytes(windows), StandardCharsets.UTF_8))
                  .startsWith("document ");
            }
            return byContext(windows, batch, tokens);
          };
      Evaluation.Documents all = new Evaluator(checking, BYTES).documents(held, 64, Long.MAX_VALUE);
      assertThat(all.documents()).isEqualTo(held.documents());
      assertThat(all.tokens()).isEqualTo(held.size()).isEqualTo(seen[0]);
      assertThat(all.bytes()).isEqualTo(held.size() - held.documents());
      long zipped = 0;
      for (long i = 0; i < held.documents(); i++) {
        zipped += Evaluator.gzipBytes(held.text(i));
      }
      assertThat(all.gzipBitsPerByte()).isCloseTo(8.0 * zipped / all.bytes(), within(1e-9));
      Evaluation.Documents some =
          new Evaluator(EvaluatorTest::byContext, BYTES).documents(held, 64, held.size() / 3);
      assertThat(some.documents()).isBetween(held.documents() / 4, held.documents() / 2);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void gzipIsGzip(@TempDir Path folder) throws IOException, InterruptedException {
    Random random = new Random(4);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 20_000; i++) {
      text.append(Integer.toString(random.nextInt(1000), 36)).append(' ');
    }
    Path file = Files.writeString(folder.resolve("f"), text);
    Process gzip = new ProcessBuilder("gzip", "-9", "-c").redirectInput(file.toFile()).start();
    long size;
    try (InputStream out = gzip.getInputStream()) {
      size = out.readAllBytes().length;
    }
    assertThat(gzip.waitFor()).isZero();
    assertThat((double) Evaluator.gzipBytes(Files.readAllBytes(file)))
        .isCloseTo(size, within(0.005 * size));
  }

  private static byte[] bytes(long[] window) {
    byte[] bytes = new byte[window.length - 1];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) window[i + 1];
    }
    return bytes;
  }
}
