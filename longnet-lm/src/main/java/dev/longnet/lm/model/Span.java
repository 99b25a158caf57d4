// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.Locale;

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

  /// The whole window.
  public static Span whole(long window) {
    return new Span(0, window, window);
  }
}
