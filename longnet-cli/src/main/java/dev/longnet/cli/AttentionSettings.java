// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import dev.longnet.attention.pattern.Branch;
import dev.longnet.attention.pattern.DilatedAttentionSpec;
import dev.longnet.attention.pattern.HeadOffsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// The settings of dilated attention as safetensors metadata holds them, each a JSON string:
/// `segment_lengths`, `dilation_ratios`, `causal`, `head_offsets`. Null where nothing is said.
record AttentionSettings(
    long @Nullable [] segmentLengths,
    long @Nullable [] dilationRatios,
    @Nullable Boolean causal,
    @Nullable HeadOffsets headOffsets) {
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS).build();

  /// @throws IllegalArgumentException naming the field that cannot be read
  static AttentionSettings read(Map<String, String> metadata) {
    return new AttentionSettings(
        longs(metadata, "segment_lengths"),
        longs(metadata, "dilation_ratios"),
        flag(metadata),
        offsets(metadata));
  }

  /// Whether these say what the branches are.
  boolean saysBranches() {
    return segmentLengths != null || dilationRatios != null;
  }

  /// Metadata without the settings that these replace: nobody has to be able to read those.
  Map<String, String> without(Map<String, String> metadata) {
    Map<String, String> rest = new LinkedHashMap<>(metadata);
    rest.keySet()
        .removeIf(key ->
            switch (key) {
              case "segment_lengths" -> segmentLengths != null;
              case "dilation_ratios" -> dilationRatios != null;
              case "causal" -> causal != null;
              case "head_offsets" -> headOffsets != null;
              default -> false;
            });
    return rest;
  }

  /// These settings, with those of `other` where these say nothing.
  AttentionSettings orElse(AttentionSettings other) {
    return new AttentionSettings(
        segmentLengths == null ? other.segmentLengths : segmentLengths,
        dilationRatios == null ? other.dilationRatios : dilationRatios,
        causal == null ? other.causal : causal,
        headOffsets == null ? other.headOffsets : headOffsets);
  }

  /// @throws IllegalArgumentException when something is missing or invalid
  DilatedAttentionSpec spec() {
    return DilatedAttentionSpec.of(
        require(segmentLengths, "segment_lengths", "--segment-lengths"),
        require(dilationRatios, "dilation_ratios", "--dilation-ratios"),
        require(causal, "causal", "--causal"),
        headOffsets == null ? HeadOffsets.INTERLEAVED : headOffsets);
  }

  private static <T> T require(@Nullable T value, String key, String option) {
    if (value == null) {
      throw new IllegalArgumentException(
          "the metadata has no " + key + ": set it there or pass " + option);
    }
    return value;
  }

  /// What a result's metadata says.
  static Map<String, String> metadata(DilatedAttentionSpec spec) {
    List<Branch> branches = spec.segments();
    Map<String, String> metadata = new LinkedHashMap<>();
    metadata.put(
        "segment_lengths", branches.stream().map(Branch::segmentLength).toList().toString());
    metadata.put("dilation_ratios", branches.stream().map(Branch::dilation).toList().toString());
    metadata.put("causal", Boolean.toString(spec.causal()));
    metadata.put("head_offsets", spec.headOffsets().name().toLowerCase(Locale.ROOT));
    return metadata;
  }

  private static long @Nullable [] longs(Map<String, String> metadata, String key) {
    String text = metadata.get(key);
    if (text == null) {
      return null;
    }
    JsonNode list = parse(text);
    if (list == null || !list.isArray() || list.isEmpty()) {
      throw wrong(key, "a JSON list of whole numbers", text);
    }
    long[] values = new long[list.size()];
    for (int i = 0; i < values.length; i++) {
      if (!list.get(i).isIntegralNumber() || !list.get(i).canConvertToLong()) {
        throw wrong(key, "a JSON list of whole numbers", text);
      }
      values[i] = list.get(i).longValue();
    }
    return values;
  }

  private static @Nullable Boolean flag(Map<String, String> metadata) {
    String text = metadata.get("causal");
    if (text == null) {
      return null;
    }
    return switch (text.strip().toLowerCase(Locale.ROOT)) {
      case "true" -> true;
      case "false" -> false;
      default -> throw wrong("causal", "true or false", text);
    };
  }

  private static @Nullable HeadOffsets offsets(Map<String, String> metadata) {
    String text = metadata.get("head_offsets");
    if (text == null) {
      return null;
    }
    String name = text.strip().replaceAll("^\"(.*)\"$", "$1");
    return Arrays.stream(HeadOffsets.values())
        .filter(o -> o.name().equalsIgnoreCase(name))
        .findFirst()
        .orElseThrow(() -> wrong("head_offsets", "interleaved or blocked", text));
  }

  private static @Nullable JsonNode parse(String text) {
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      return null;
    }
  }

  private static IllegalArgumentException wrong(String key, String rule, String text) {
    return new IllegalArgumentException(
        "metadata " + key + " must be " + rule + ": " + key + "=" + text);
  }
}
