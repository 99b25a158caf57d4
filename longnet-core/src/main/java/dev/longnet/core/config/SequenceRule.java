// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

/// How the sequences of a FASTA file become documents.
///
/// @param letters lower case marks repeats in many genomes
/// @param unknown N (or n), a base that is not known
public record SequenceRule(Case letters, Unknown unknown) {

  /// Of the letters.
  public enum Case {
    KEEP,
    UPPER
  }

  /// What becomes of runs of N.
  public enum Unknown {
    /// They are letters like others, as in proteins.
    KEEP,
    /// They are left out.
    SKIP,
    /// Each ends a document, and what follows begins another.
    SPLIT
  }

  public static final SequenceRule AS_WRITTEN = new SequenceRule(Case.KEEP, Unknown.KEEP);
}
