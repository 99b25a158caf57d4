package dev.longnet.lm.inference;

import java.util.function.IntConsumer;

/// Continues a prompt token by token. Which model reads ([NextToken]) and how a token is chosen ([Sampler]) are given.
public final class Generator {
  private Generator() {}

  /// What a generation took.
  ///
  /// @param tokens generated, a final end-of-text included
  /// @param ended whether the model ended the text itself
  public record Summary(long promptTokens, long tokens, boolean ended, double promptSeconds, double generateSeconds) {
    /// 0 where nothing was generated.
    public double tokensPerSecond() {
      return tokens == 0 ? 0 : tokens / Math.max(generateSeconds, 1e-9);
    }
  }

  /// @param prompt at least one token, unless the model has read something before
  /// @param maxTokens to generate at most
  /// @param endOfText the token that ends the text; it is not passed on
  /// @param each called with every token as it comes
  public static Summary generate(
      NextToken model, Sampler sampler, int[] prompt, long maxTokens, int endOfText, IntConsumer each) {
    if (maxTokens < 1) {
      throw new IllegalArgumentException("max-tokens must be positive: max-tokens=" + maxTokens);
    }
    long start = System.nanoTime();
    float[] logits = model.read(prompt);
    long read = System.nanoTime();
    long count = 0;
    boolean ended = false;
    while (!ended && count < maxTokens) {
      int token = sampler.next(logits);
      count++;
      ended = token == endOfText;
      if (!ended) {
        each.accept(token);
        if (count < maxTokens) {
          logits = model.read(new int[] {token});
        }
      }
    }
    return new Summary(prompt.length, count, ended, (read - start) / 1e9, (System.nanoTime() - read) / 1e9);
  }
}
