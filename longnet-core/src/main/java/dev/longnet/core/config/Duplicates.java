// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// Which copies of a document are dropped; the first one stays.
///
/// @param similarity for [Kind#NEAR]: estimated Jaccard similarity of two documents' word 5-grams
///   from which the later one is dropped, in [0.5, 1]
public record Duplicates(Kind kind, double similarity) {

  public static final Duplicates NONE = new Duplicates(Kind.NONE, 1);
  public static final Duplicates EXACT = new Duplicates(Kind.EXACT, 1);
  public static final Duplicates NEAR = new Duplicates(Kind.NEAR, 0.8);

  /// What counts as a copy: nothing, equal bytes, or nearly the same words (which includes equal
  /// bytes).
  public enum Kind {
    NONE,
    EXACT,
    NEAR
  }

  public Duplicates {
    if (!(similarity >= 0.5 && similarity <= 1)) {
      throw new IllegalArgumentException(
          "similarity must be from 0.5 to 1: similarity=" + similarity);
    }
  }
}
