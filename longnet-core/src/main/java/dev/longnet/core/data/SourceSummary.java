// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import java.util.List;
import java.util.Map;

/// What became of one source.
///
/// @param path as the configuration names it
/// @param state hash of what the source looked like from outside
/// @param documents, bytes, tokens of both splits
/// @param rejected counts by reason
/// @param examples "reason: name (detail)", the first few of each reason that is not a choice of
///   the user's
public record SourceSummary(
    String path,
    String state,
    long documents,
    long bytes,
    long tokens,
    Map<String, Long> rejected,
    List<String> examples) {

  public SourceSummary {
    rejected = Map.copyOf(rejected);
    examples = List.copyOf(examples);
  }
}
