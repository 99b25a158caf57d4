// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import java.util.List;

/// Which documents of a source count.
///
/// @param include globs, any of which must match a document's name; empty: all. `**` crosses
///   directories; a glob without `/` looks at the file name alone.
/// @param exclude globs none of which may match
/// @param languages names such as `java` or `python`, told by file extension; empty: all
/// @param minBytes documents below are left out
/// @param maxBytes documents above are left out
public record DocumentFilter(
    List<String> include,
    List<String> exclude,
    List<String> languages,
    long minBytes,
    long maxBytes) {

  /// Every document that is not empty.
  public static final DocumentFilter ALL =
      new DocumentFilter(List.of(), List.of(), List.of(), 1, Long.MAX_VALUE);

  public DocumentFilter {
    include = List.copyOf(include);
    exclude = List.copyOf(exclude);
    languages = List.copyOf(languages);
    if (minBytes < 0 || maxBytes < minBytes) {
      throw new IllegalArgumentException(
          "min_bytes must be from 0 to max_bytes=" + maxBytes + ": min_bytes=" + minBytes);
    }
  }
}
