// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;

/// Weights in several files `model-00001-of-0000N.safetensors` with the index
/// `model.safetensors.index.json` that says which holds what: Hugging Face's layout, read and
/// written. Index and shards must agree on every tensor.
public final class ShardedWeights implements WeightFiles {
  public static final String INDEX = "model.safetensors.index.json";

  private static final long MAX_INDEX = 100_000_000;
  private static final int MAX_SHARDS = 10_000;
  private static final ObjectMapper JSON =
      new ObjectMapper(
              JsonFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .streamReadConstraints(
                      StreamReadConstraints.builder()
                          .maxNestingDepth(8)
                          .maxNumberLength(20)
                          .build())
                  .build())
          .enable(com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  private final ResourceStack opened = new ResourceStack();
  private final Map<String, WeightFiles> shards = new LinkedHashMap<>();
  private final Map<String, WeightFiles> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();

  private ShardedWeights(Path index) throws IOException {
    ObjectNode tree = parse(index);
    if (!(tree.get("weight_map") instanceof ObjectNode map) || map.isEmpty()) {
      throw new IllegalArgumentException("weight_map must be an object from tensors to files");
    }
    if (tree.get("metadata") instanceof ObjectNode given) {
      given.properties().stream()
          .filter(e -> e.getValue().isTextual())
          .forEach(e -> metadata.put(e.getKey(), e.getValue().textValue()));
    }
    try {
      for (Map.Entry<String, JsonNode> e : map.properties()) {
        WeightFiles shard = shard(index, e.getKey(), e.getValue());
        if (!shard.names().contains(e.getKey())) {
          throw new IllegalArgumentException(
              String.format(
                  Locale.ROOT, "tensor %s is not in %s", e.getKey(), e.getValue().textValue()));
        }
        tensors.put(e.getKey(), shard);
      }
      for (Map.Entry<String, WeightFiles> shard : shards.entrySet()) {
        for (String name : shard.getValue().names()) {
          if (tensors.get(name) != shard.getValue()) {
            throw new IllegalArgumentException(
                String.format(
                    Locale.ROOT,
                    "tensor %s of %s is not that file's in weight_map",
                    name,
                    shard.getKey()));
          }
        }
      }
    } catch (IOException | RuntimeException | Error e) {
      opened.closeAfter(e);
      throw e;
    }
  }

  static ShardedWeights open(Path index) throws IOException {
    try {
      return new ShardedWeights(index);
    } catch (IllegalArgumentException e) {
      throw new IllegalArgumentException(index + ": " + e.getMessage(), e);
    }
  }

  private static ObjectNode parse(Path index) throws IOException {
    if (Files.size(index) > MAX_INDEX) {
      throw new IllegalArgumentException(
          "an index must be at most " + MAX_INDEX + " bytes: " + Files.size(index));
    }
    try {
      if (Texts.json(JSON, Files.readAllBytes(index)) instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("not a JSON object");
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not valid JSON: " + Texts.reason(e), e);
    }
  }

  private WeightFiles shard(Path index, String tensor, JsonNode value) throws IOException {
    String file = value.isTextual() ? value.textValue() : "";
    // A name, not a path: an index must not reach outside its own directory.
    if (!file.matches("[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}") || file.endsWith(".index.json")) {
      throw new IllegalArgumentException("weight_map." + tensor + " must be a file name: " + value);
    }
    WeightFiles known = shards.get(file);
    if (known == null) {
      if (shards.size() == MAX_SHARDS) {
        throw new IllegalArgumentException("more than " + MAX_SHARDS + " shards");
      }
      Path path = index.toAbsolutePath().resolveSibling(file);
      if (!Files.isRegularFile(path)) {
        throw new IllegalArgumentException("shard is missing: " + file);
      }
      known = opened.push(WeightFiles.open(path));
      shards.put(file, known);
      known.metadata().forEach(metadata::putIfAbsent);
    }
    return known;
  }

  @Override
  public Set<String> names() {
    return Collections.unmodifiableSet(tensors.keySet());
  }

  @Override
  public TensorEntry tensor(String name) {
    WeightFiles shard = tensors.get(name);
    if (shard == null) {
      throw new IllegalArgumentException("no tensor named " + name);
    }
    return shard.tensor(name);
  }

  @Override
  public Map<String, String> metadata() {
    return Collections.unmodifiableMap(metadata);
  }

  @Override
  public void close() {
    try {
      opened.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// Makes a tensor's entry when it is its shard's turn, so that converted tensors need memory for
  /// one shard only.
  public interface Source {
    TensorEntry tensor(String name, java.lang.foreign.Arena arena);
  }

  /// Writes tensors in their order into as few files as keep each within `shardBytes` (a larger
  /// tensor stands alone).
  ///
  /// @param directory exists and is empty: a part of [AtomicFiles#writeDirectory]
  /// @param bytes of every tensor as it will be written, in order
  /// @param metadata of every shard
  public static void write(
      Path directory,
      Map<String, String> metadata,
      Map<String, Long> bytes,
      Source source,
      long shardBytes)
      throws IOException {
    List<List<String>> groups = new ArrayList<>();
    long filled = Long.MAX_VALUE;
    long total = 0;
    for (Map.Entry<String, Long> e : bytes.entrySet()) {
      if (filled > shardBytes - e.getValue()) {
        groups.add(new ArrayList<>());
        filled = 0;
      }
      groups.getLast().add(e.getKey());
      filled += e.getValue();
      total += e.getValue();
    }
    ObjectNode tree = JSON.createObjectNode();
    ObjectNode head = tree.putObject("metadata");
    head.put("total_size", total);
    ObjectNode map = tree.putObject("weight_map");
    for (int i = 0; i < groups.size(); i++) {
      String file =
          String.format(Locale.ROOT, "model-%05d-of-%05d.safetensors", i + 1, groups.size());
      try (java.lang.foreign.Arena arena = java.lang.foreign.Arena.ofShared()) {
        List<TensorEntry> entries = new ArrayList<>();
        for (String name : groups.get(i)) {
          entries.add(source.tensor(name, arena));
          map.put(name, file);
        }
        SafetensorsWriter.write(directory.resolve(file), metadata, entries);
      }
    }
    Files.writeString(
        directory.resolve(INDEX),
        JSON.writerWithDefaultPrettyPrinter().writeValueAsString(tree) + "\n");
  }
}
