// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import java.util.Optional;
import java.util.OptionalInt;

/// Continues what a model has read, token by token. It chooses tokens and knows when to end; who
/// reads them, and when, is its caller's business:
///
/// ```java
/// OptionalInt token = generator.next(logits);
/// while (token.isPresent()) {
///   show(token.getAsInt());
///   token = generator.ended() ? OptionalInt.empty() : generator.next(model.read(token));
/// }
/// ```
public final class Generator {
  /// Why a generation ended.
  public enum End {
    /// The model ended the text.
    END_OF_TEXT,
    /// As many tokens as were wanted.
    MAX_TOKENS,
    /// Someone stopped it.
    STOPPED
  }

  private final Sampler sampler;
  private final long maxTokens;
  private final int endOfText;
  private long tokens;
  private int last;
  private Optional<End> end = Optional.empty();

  /// @param maxTokens to generate at most
  /// @param endOfText the token that ends the text; it is not given out
  public Generator(Sampler sampler, long maxTokens, int endOfText) {
    if (maxTokens < 1) {
      throw new IllegalArgumentException("maxTokens must be positive: maxTokens=" + maxTokens);
    }
    this.sampler = sampler;
    this.maxTokens = maxTokens;
    this.endOfText = endOfText;
    this.last = endOfText;
  }

  /// Chooses the next token; empty where the model ends the text.
  ///
  /// @param logits `[V]` what the model says may follow what it has read; not changed
  /// @throws IllegalStateException after the end
  public OptionalInt next(float[] logits) {
    if (ended()) {
      throw new IllegalStateException("the generation has ended: " + end.get());
    }
    last = sampler.next(logits);
    tokens++;
    if (last == endOfText) {
      end = Optional.of(End.END_OF_TEXT);
      return OptionalInt.empty();
    }
    if (tokens == maxTokens) {
      end = Optional.of(End.MAX_TOKENS);
    }
    return OptionalInt.of(last);
  }

  /// Ends the generation where it is, if it has not ended.
  public void stop() {
    end = end.or(() -> Optional.of(End.STOPPED));
  }

  /// Whether no token follows, so that nobody needs the last one read.
  public boolean ended() {
    return end.isPresent();
  }

  /// Why it ended; empty before.
  public Optional<End> end() {
    return end;
  }

  /// Tokens generated so far, a final end-of-text included.
  public long tokens() {
    return tokens;
  }

  /// The last of them, which need not have been read; end-of-text before the first.
  public int last() {
    return last;
  }
}
