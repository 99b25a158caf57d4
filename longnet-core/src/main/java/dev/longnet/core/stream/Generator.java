package dev.longnet.core.stream;

import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;

/// Continues what a model has read, token by token. Which model reads ([NextToken]) and how a token
/// is chosen ([Sampler]) are given.
public final class Generator {
  private Generator() {}

  /// What a generation took.
  ///
  /// @param tokens generated, a final end-of-text included
  /// @param ended whether the model ended the text itself
  /// @param stopped whether it was asked to stop before
  /// @param last the last of them, which the model has not read: nobody asked what follows it
  public record Summary(long tokens, boolean ended, boolean stopped, int last, double seconds) {
    /// 0 where nothing was generated.
    public double tokensPerSecond() {
      return tokens == 0 ? 0 : tokens / Math.max(seconds, 1e-9);
    }
  }

  /// @param model has read the prompt
  /// @param logits [V] what it said may follow
  /// @param maxTokens to generate at most
  /// @param endOfText the token that ends the text; it is not passed on
  /// @param each called with every token as it comes
  public static Summary generate(
      NextToken model,
      Sampler sampler,
      float[] logits,
      long maxTokens,
      int endOfText,
      IntConsumer each) {
    return generate(model, sampler, logits, maxTokens, endOfText, each, () -> false);
  }

  /// As above, until it is asked to stop.
  ///
  /// @param stop asked after every token
  public static Summary generate(
      NextToken model,
      Sampler sampler,
      float[] logits,
      long maxTokens,
      int endOfText,
      IntConsumer each,
      BooleanSupplier stop) {
    if (maxTokens < 1) {
      throw new IllegalArgumentException("maxTokens must be positive: maxTokens=" + maxTokens);
    }
    long start = System.nanoTime();
    float[] scores = logits;
    long count = 0;
    boolean ended = false;
    boolean stopped = false;
    int token = endOfText;
    while (!ended && !stopped && count < maxTokens) {
      token = sampler.next(scores);
      count++;
      ended = token == endOfText;
      if (!ended) {
        each.accept(token);
        stopped = stop.getAsBoolean();
        if (!stopped && count < maxTokens) {
          scores = model.read(new int[] {token});
        }
      }
    }
    return new Summary(count, ended, stopped, token, (System.nanoTime() - start) / 1e9);
  }
}
