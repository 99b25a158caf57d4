// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.core.config.Blueprint;
import dev.longnet.core.config.ModelConfig;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;

/// Initial weights with which heads look for what they have read before
/// (`training.induction_heads`).
///
/// An induction head (Olsson et al. 2022, arXiv 2209.11895) attends to the token that followed an
/// earlier occurrence of the last ones, and so foretells copies. Small models find it after
/// millions of tokens or never; here some heads of each layer begin as one. Their keys are
/// projected as their queries are (as in Trockman and Kolter's mimetic initialization, arXiv
/// 2305.09828), and their short convolution of K taps delays each channel by a whole number of
/// tokens: query channel i by d = (i / 2) mod (K - 1), key channel i by d + 1. So the score of a
/// token and an earlier one counts in how many of the K - 1 tokens up to the one, and those before
/// the other, agree. The convolution and the projections are trained from there as any other
/// weight.
public final class InductionHeads {
  /// What K - 1 tokens score that agree, in expectation; others score about 0.
  private static final double SCORE = 6.4;

  /// As [Initialization] draws them, queries and keys of equal weights score sqrt(D) / 2.
  private static final double DRAWN = 0.5;

  private InductionHeads() {}

  /// Rewrites what [Initialization] drew.
  ///
  /// @param model with a short convolution, where heads are more than 0
  /// @param heads of each layer, the first ones; 0 for none
  public static void plant(Parameters parameters, ModelConfig model, int heads) {
    double larger = Math.sqrt(SCORE / (DRAWN * Math.sqrt(model.headSize())));
    for (int layer = 0; layer < model.layers() && heads > 0; layer++) {
      String prefix = Blueprint.mixerPrefix(layer);
      long channels = (long) heads * model.headSize();
      try (PointerScope _ = new PointerScope();
          Scalar gain = new Scalar(larger)) {
        Tensor queries = parameters.value(prefix + "q_proj.weight").narrow(0, 0, channels);
        queries.mul_(gain);
        parameters.value(prefix + "k_proj.weight").narrow(0, 0, channels).copy_(queries);
        parameters.value(prefix + "q_proj.bias").narrow(0, 0, channels).zero_();
        parameters.value(prefix + "k_proj.bias").narrow(0, 0, channels).zero_();
        delay(parameters.value(prefix + "q_conv.weight"), channels, model.headSize(), 0);
        delay(parameters.value(prefix + "k_conv.weight"), channels, model.headSize(), 1);
      }
    }
  }

  /// Two channels that turn together have one delay.
  ///
  /// @param taps [C, 1, K], the last one the token's own
  private static void delay(Tensor taps, long channels, int headSize, int more) {
    long last = taps.size(2) - 1;
    taps.narrow(0, 0, channels).zero_();
    try (Scalar one = new Scalar(1.0)) {
      for (long channel = 0; channel < channels; channel++) {
        long delay = channel % headSize / 2 % last + more;
        taps.narrow(0, channel, 1).narrow(2, last - delay, 1).fill_(one);
      }
    }
  }
}
