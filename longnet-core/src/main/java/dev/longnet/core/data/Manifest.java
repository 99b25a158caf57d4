// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// `manifest.json` of a directory of token shards.
///
/// @param version of the format
/// @param tokenizer its name
/// @param tokenizerFingerprint [Tokenizer#fingerprint()]
/// @param bits of one id: 16 or 32
/// @param corpus hash of the configuration's parts that decide which tokens come out
/// @param validation share held out
public record Manifest(
    int version,
    String tokenizer,
    String tokenizerFingerprint,
    int vocabulary,
    int endOfText,
    int bits,
    String corpus,
    double validation,
    List<SourceSummary> sources,
    List<ShardInfo> shards) {

  public static final int VERSION = 1;
  public static final String FILE = "manifest.json";

  /// Shared with the journal of a build, which holds the same records.
  public static final ObjectMapper JSON =
      JsonMapper.builder(
              JsonFactory.builder()
                  .streamReadConstraints(
                      StreamReadConstraints.builder().maxNestingDepth(20).build())
                  .build())
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .enable(
              DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES,
              DeserializationFeature.FAIL_ON_MISSING_CREATOR_PROPERTIES)
          .build();

  public Manifest {
    sources = List.copyOf(sources);
    shards = List.copyOf(shards);
    if (version != VERSION) {
      throw new IllegalArgumentException(
          "token shards must have format version " + VERSION + ": version=" + version);
    }
    if (bits != 16 && bits != 32) {
      throw new IllegalArgumentException("token shards have 16 or 32 bits: bits=" + bits);
    }
    if (vocabulary < 1
        || bits == 16 && vocabulary > 65_536
        || endOfText < 0
        || endOfText >= vocabulary) {
      throw new IllegalArgumentException(
          "vocabulary and end_of_text do not fit: vocabulary="
              + vocabulary
              + ", end_of_text="
              + endOfText
              + ", bits="
              + bits);
    }
    for (ShardInfo shard : shards) {
      if (shard.source() >= sources.size()) {
        throw new IllegalArgumentException(
            "a shard names source " + shard.source() + " of " + sources.size());
      }
    }
  }

  /// Whether groups of documents were held out, instead of documents one by one.
  public boolean hasGroups() {
    return groups(Split.TRAIN) + groups(Split.VALIDATION) > 0;
  }

  /// Groups of documents of one split.
  public long groups(Split split) {
    return sources.stream().mapToLong(s -> s.groups(split)).sum();
  }

  /// @throws IllegalArgumentException when the file is not a manifest
  public static Manifest read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    if (Files.size(file) > 1L << 28) {
      throw new IllegalArgumentException(
          "not a manifest of token shards, it is too large: " + file);
    }
    try {
      return SourceSummary.read(Files.readAllBytes(file), Manifest.class);
    } catch (JsonProcessingException e) {
      String why =
          e.getCause() instanceof IllegalArgumentException rule
              ? rule.getMessage()
              : Texts.reason(e);
      throw new IllegalArgumentException("not a manifest of token shards: " + file + ": " + why, e);
    }
  }

  public byte[] toJson() {
    try {
      return JSON.writeValueAsBytes(this);
    } catch (JsonProcessingException e) {
      throw new IllegalStateException(e);
    }
  }
}
