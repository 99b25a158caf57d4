// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.source.DocumentReader;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.Set;

/// Says which documents are held out: a document by a hash of its content, or the groups that a
/// [GroupChoice] chose.
///
/// @param share of documents or groups that are held out
/// @param heldOut groups
record SplitRule(Holdout holdout, double share, Set<ContentHash> heldOut) {
  SplitRule {
    heldOut = Set.copyOf(heldOut);
  }

  /// Where documents are found.
  ///
  /// @param source what it is called on every machine
  record Place(String source, DocumentReader.Container container) {}

  /// The hash of a document's group; empty where documents are held out one by one.
  ///
  /// @param name the document's path within its place
  Optional<ContentHash> group(Place place, String name) {
    return holdout.kind() == Holdout.Kind.DOCUMENT
        ? Optional.empty()
        : Optional.of(group(place, name, holdout.depth()));
  }

  static ContentHash group(Place place, String name, int depth) {
    String inside = place.container().indivisible() ? "" : directories(name, depth);
    String group = place.source() + '\0' + place.container().path() + '\0' + inside;
    return ContentHash.of(group.getBytes(StandardCharsets.UTF_8));
  }

  /// The first `depth` directories of a path, each with a `/` behind it. Tars have paths that begin
  /// with `./`.
  static String directories(String name, int depth) {
    int from = name.startsWith("./") ? 2 : 0;
    int end = from;
    for (int i = 0; i < depth; i++) {
      int slash = name.indexOf('/', end);
      if (slash < 0) {
        break;
      }
      end = slash + 1;
    }
    return name.substring(from, end);
  }

  /// @param document hash of its content
  Split split(ContentHash document, Optional<ContentHash> group) {
    return group
        .map(g -> heldOut.contains(g) ? Split.VALIDATION : Split.TRAIN)
        .orElseGet(() -> document.split(share));
  }
}
