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
        : Optional.of(group(place, name, holdout));
  }

  static ContentHash group(Place place, String name, Holdout holdout) {
    String inside = place.container().indivisible() ? "" : holdout.directories(name);
    String group = place.source() + '\0' + place.container().path() + '\0' + inside;
    return ContentHash.of(group.getBytes(StandardCharsets.UTF_8));
  }

  /// @param document hash of its content
  Split split(ContentHash document, Optional<ContentHash> group) {
    return group
        .map(g -> heldOut.contains(g) ? Split.VALIDATION : Split.TRAIN)
        .orElseGet(() -> document.split(share));
  }
}
