// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TextSamplerTest {
  private static final Tokenizer BYTES = Tokenizers.of("bytes");

  /// A vocabulary of 320 ids above the 257 of bytes: the padding would win every draw.
  @Test
  void idsWithoutTextAreNeverDrawn() {
    float[] logits = new float[320];
    Arrays.fill(logits, 257, 320, 9);
    logits[100] = 1;
    float[] before = logits.clone();
    assertThat(Sampler.greedy().over(BYTES).next(logits)).isEqualTo(100);
    for (int topK : new int[] {0, 3, 300}) {
      for (double topP : new double[] {1, 0.9}) {
        Sampler sampler = Sampler.of(1, topK, topP, 7).over(BYTES);
        for (int i = 0; i < 200; i++) {
          assertThat(sampler.next(logits)).isBetween(0, 256);
        }
      }
    }
    assertThat(logits).as("not changed").isEqualTo(before);
  }

  @Test
  void theEndOfTheTextMayBeDrawn() {
    float[] logits = new float[320];
    logits[BYTES.endOfText()] = 5;
    assertThat(Sampler.greedy().over(BYTES).next(logits)).isEqualTo(BYTES.endOfText());
  }

  @Test
  void controlTokensAreNotDrawn() {
    Tokenizer llama = Tokenizers.of("src/test/resources/tokenizers/llama.json");
    float[] logits = new float[llama.vocabularySize()];
    logits[0] = 9;
    logits[1] = 9;
    logits[llama.endOfText()] = 8;
    assertThat(Sampler.greedy().over(llama).next(logits)).isEqualTo(llama.endOfText());
  }

  @Test
  void whereAllIdsHaveTextNothingChanges() {
    Sampler plain = Sampler.of(1, 0, 0.95, 3);
    Sampler over = Sampler.of(1, 0, 0.95, 3).over(BYTES);
    Random random = new Random(4);
    for (int i = 0; i < 100; i++) {
      float[] logits = new float[257];
      for (int id = 0; id < logits.length; id++) {
        logits[id] = (float) random.nextGaussian();
      }
      assertThat(over.next(logits)).isEqualTo(plain.next(logits));
    }
  }
}
