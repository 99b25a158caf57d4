// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import dev.longnet.core.data.Tokenizer;

/// Takes ids without text out of what a sampler may choose from. Where there are none, the scores
/// are passed on as they are.
final class TextSampler implements Sampler {
  private final Sampler sampler;
  private final Tokenizer tokenizer;

  /// Ids without text of a model with so many ids.
  private int[] textless = {};

  private int vocabulary;

  TextSampler(Sampler sampler, Tokenizer tokenizer) {
    this.sampler = sampler;
    this.tokenizer = tokenizer;
  }

  @Override
  public int next(float[] logits) {
    if (logits.length != vocabulary) {
      textless = tokenizer.textless(logits.length);
      vocabulary = logits.length;
    }
    if (textless.length == 0) {
      return sampler.next(logits);
    }
    float[] masked = logits.clone();
    for (int id : textless) {
      masked[id] = Float.NEGATIVE_INFINITY;
    }
    return sampler.next(masked);
  }
}
