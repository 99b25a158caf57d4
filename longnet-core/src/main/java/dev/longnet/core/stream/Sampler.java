// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.Tokenizer;

/// Chooses the next token from a model's scores.
@FunctionalInterface
public interface Sampler {
  /// @param logits one score a token id; not changed
  int next(float[] logits);

  /// The likeliest token; of equal ones the lowest id.
  static Sampler greedy() {
    return logits -> {
      int best = 0;
      for (int id = 0; id < logits.length; id++) {
        requireNumber(logits[id], id);
        if (logits[id] > logits[best]) {
          best = id;
        }
      }
      return best;
    };
  }

  /// Draws from softmax(logits / temperature), cut to the `topK` likeliest tokens and among those
  /// to the fewest whose probability reaches `topP`.
  ///
  /// @param temperature not negative; 0 is [#greedy()]
  /// @param topK 0: no limit
  /// @param topP in (0, 1]; 1: no limit
  /// @param seed the same seed and logits give the same tokens
  static Sampler of(double temperature, int topK, double topP, long seed) {
    if (!(temperature >= 0 && temperature < Double.POSITIVE_INFINITY)) {
      throw new IllegalArgumentException(
          "temperature must be a number of at least 0: temperature=" + temperature);
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top-k must be at least 0 (0: no limit): top-k=" + topK);
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException(
          "top-p must be above 0 and at most 1 (1: no limit): top-p=" + topP);
    }
    return temperature == 0 ? greedy() : new RandomSampler(temperature, topK, topP, seed);
  }

  /// This sampler for a tokenizer's text: ids without text (control tokens, the padding of a
  /// vocabulary) are never drawn. The end of the text may be.
  default Sampler over(Tokenizer tokenizer) {
    return new TextSampler(this, tokenizer);
  }

  private static void requireNumber(float logit, int id) {
    if (Float.isNaN(logit)) {
      throw new IllegalArgumentException(
          "the model's scores are not numbers (its weights are damaged): logits[" + id + "]=NaN");
    }
  }
}
