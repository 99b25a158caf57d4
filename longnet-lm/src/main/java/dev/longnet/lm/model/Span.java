// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.Locale;
import java.util.OptionalLong;

/// Which tokens of a window a pass holds: all of them, or one rank's neighbouring part.
///
/// @param first position in the window of the first token held
/// @param tokens held, of each sequence
/// @param window tokens of the whole window, N
public record Span(long first, long tokens, long window) {
  public Span {
    if (first < 0 || tokens < 0 || first + tokens > window) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "a span lies inside its window: first=%d, tokens=%d, window=%d",
              first,
              tokens,
              window));
    }
  }

  /// Whether nothing of the window is elsewhere.
  public boolean isWhole() {
    return tokens == window;
  }

  /// For operators that see the span's rows alone: right only where no segment is cut.
  ///
  /// @param period nothing attends across its multiples; empty where there is none
  /// @throws IllegalArgumentException where the span begins or ends inside a segment
  public void requireWholeSegments(OptionalLong period) {
    long end = first + tokens;
    boolean between =
        period.isPresent()
            && first % period.getAsLong() == 0
            && (end == window || end % period.getAsLong() == 0);
    if (!isWhole() && !between) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "this attention needs spans that cut no segment, multiples of %s tokens: first=%d, tokens=%d",
              period.isPresent() ? period.getAsLong() : "the window's",
              first,
              tokens));
    }
  }

  /// The whole window.
  public static Span whole(long window) {
    return new Span(0, window, window);
  }
}
