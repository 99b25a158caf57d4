// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.LinkedHashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/// Where imported weights came from, kept in the metadata of their `model.safetensors` so that an
/// export gives every tensor its old name again.
///
/// @param config torchscale's keyword arguments as they were
/// @param prefix of the stack's tensors
/// @param names ours to theirs
record Origin(ObjectNode config, String prefix, Map<String, String> names) {
  private static final String KEY = "torchscale";
  private static final ObjectMapper JSON = new ObjectMapper();

  void write(Map<String, String> metadata) {
    ObjectNode tree = JSON.createObjectNode();
    tree.set("config", config);
    tree.put("prefix", prefix);
    ObjectNode map = tree.putObject("names");
    names.forEach(map::put);
    metadata.put(KEY, tree.toString());
  }

  /// @return null for weights that were not imported
  static @Nullable Origin read(Map<String, String> metadata) {
    String text = metadata.get(KEY);
    if (text == null) {
      return null;
    }
    try {
      if (JSON.readTree(text) instanceof ObjectNode tree
          && tree.get("config") instanceof ObjectNode config
          && tree.get("names") instanceof ObjectNode map) {
        Map<String, String> names = new LinkedHashMap<>();
        map.properties().forEach(e -> names.put(e.getKey(), e.getValue().asText()));
        return new Origin(config, tree.path("prefix").asText(), names);
      }
      throw new IllegalArgumentException(
          "metadata key torchscale must hold config, prefix and names");
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("metadata key torchscale is not valid JSON", e);
    }
  }
}
