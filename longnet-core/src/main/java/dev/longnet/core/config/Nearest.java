// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.Collection;
import java.util.function.UnaryOperator;

/// "did you mean": the known word nearest to a mistyped one.
public final class Nearest {
  private Nearest() {}

  /// `; did you mean X?`, or the list of known words when none is near.
  ///
  /// @param shown how a known word is written in the message
  public static String suggestion(
      String word, Collection<String> known, UnaryOperator<String> shown) {
    String best = null;
    int bestDistance = Integer.MAX_VALUE;
    for (String candidate : known) {
      int distance = distance(word, candidate);
      if (distance < bestDistance) {
        bestDistance = distance;
        best = candidate;
      }
    }
    if (best != null && bestDistance <= Math.max(2, word.length() / 3)) {
      return "; did you mean " + shown.apply(best) + "?";
    }
    return "; known here: " + String.join(", ", known);
  }

  /// Levenshtein distance.
  static int distance(String a, String b) {
    int[] previous = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      previous[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int[] row = new int[b.length() + 1];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int substitution = previous[j - 1] + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        row[j] = Math.min(substitution, Math.min(previous[j], row[j - 1]) + 1);
      }
      previous = row;
    }
    return previous[b.length()];
  }
}
