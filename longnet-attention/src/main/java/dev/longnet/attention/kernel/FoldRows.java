// SPDX-License-Identifier: Apache-2.0
package dev.longnet.attention.kernel;

import dev.longnet.attention.pattern.Fold;

/// Shows a fold's rows to a kernel, which knows the causal test alone. A window bounds how far back
/// a query sees: mirrored, that is how far ahead. So rows of a windowed fold are listed backwards
/// at mirrored positions, keys moved by the window, and the causal test lets through what the
/// window does.
public record FoldRows(Fold fold) {
  /// Rows at the queries' positions.
  public HeadRows queries(HeadRows rows) {
    return fold.isWindowed() ? rows.mirrored(fold.mirrorOfQueries()) : rows;
  }

  /// Rows at the keys' positions. A query at p sees those from `p - window + 1` on.
  public HeadRows keys(HeadRows rows) {
    return fold.isWindowed() ? rows.mirrored(fold.mirrorOfKeys()) : rows;
  }

  /// Values of the queries.
  public RowScalars scalars(RowScalars values) {
    return fold.isWindowed() ? values.mirrored() : values;
  }
}
