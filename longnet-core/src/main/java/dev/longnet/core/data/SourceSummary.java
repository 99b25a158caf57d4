// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import com.fasterxml.jackson.annotation.JsonInclude;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.util.List;
import java.util.Map;

/// What became of one source.
///
/// @param path as the configuration names it
/// @param state hash of what the source looked like from outside
/// @param documents, bytes, tokens of both splits
/// @param changedDocuments those whose ids do not give their text back (a normalizer, unknown
///   words); the file names them where there are any
/// @param trainGroups groups of documents (packages, archives) to train on, where the corpus holds
///   out groups; the file names them where there are any
/// @param validationGroups those held out
/// @param readAs how many files were read in which way, in words; empty where an earlier version
///   read them
/// @param rejected counts by reason
/// @param examples "reason: name (detail)", the first few of each reason that is not a choice of
///   the user's
public record SourceSummary(
    String path,
    String state,
    long documents,
    long bytes,
    long tokens,
    @JsonInclude(JsonInclude.Include.NON_DEFAULT) long changedDocuments,
    @JsonInclude(JsonInclude.Include.NON_DEFAULT) long trainGroups,
    @JsonInclude(JsonInclude.Include.NON_DEFAULT) long validationGroups,
    @JsonInclude(JsonInclude.Include.NON_EMPTY) Map<String, Long> readAs,
    Map<String, Long> rejected,
    List<String> examples) {

  public SourceSummary {
    readAs = Map.copyOf(readAs);
    rejected = Map.copyOf(rejected);
    examples = List.copyOf(examples);
  }

  /// Groups of one split.
  public long groups(Split split) {
    return split == Split.TRAIN ? trainGroups : validationGroups;
  }

  /// Reads a record that holds summaries as `sources`.
  public static <T> T read(byte[] json, Class<T> type) throws IOException {
    JsonNode tree = Texts.json(Manifest.JSON, json);
    if (!tree.isObject()) { // null would become no record at all
      throw new JsonParseException(null, "not a JSON object");
    }
    for (JsonNode source : tree.path("sources")) {
      if (source instanceof ObjectNode summary) {
        for (String count : List.of("changed_documents", "train_groups", "validation_groups")) {
          if (!summary.has(count)) {
            summary.put(count, 0);
          }
        }
        if (!summary.has("read_as")) {
          summary.putObject("read_as");
        }
      }
    }
    return Manifest.JSON.treeToValue(tree, type);
  }
}
