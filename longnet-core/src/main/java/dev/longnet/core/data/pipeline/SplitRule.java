// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.Holdout;
import dev.longnet.core.data.Split;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/// Says which documents are held out. A document alone is chosen by a hash of its content, a group
/// by a hash of its name: what else the corpus holds does not matter, and a larger share holds out
/// a superset.
///
/// @param share of documents or groups that are held out
record SplitRule(Holdout holdout, double share) {

  /// Where documents are found.
  ///
  /// @param source what it is called on every machine
  /// @param container the source's archive or file of rows; empty for none
  record Place(String source, String container) {}

  /// The hash of a document's group; empty where documents are held out one by one.
  ///
  /// @param name the document's path within its place
  Optional<ContentHash> group(Place place, String name) {
    if (holdout.kind() == Holdout.Kind.DOCUMENT) {
      return Optional.empty();
    }
    String group = place.source() + '\0' + place.container() + '\0' + holdout.directories(name);
    return Optional.of(ContentHash.of(group.getBytes(StandardCharsets.UTF_8)));
  }

  /// @param document hash of its content
  Split split(ContentHash document, Optional<ContentHash> group) {
    return group.orElse(document).split(share);
  }
}
