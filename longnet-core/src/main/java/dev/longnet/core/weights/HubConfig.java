// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.weights;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.ModelConfig;
import dev.longnet.core.config.ModelTree;
import dev.longnet.core.config.Section;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// `config.json` as Hugging Face's Hub has it: the keys of a model under the names that its
/// libraries give them, the others under their own.
///
/// @param tokenizer a tokenizer that is known by its name; else it is the directory's
///   `tokenizer.json`
/// @param others keys that nothing here reads, which are carried along
record HubConfig(
    ModelConfig model, int trainedLength, Optional<String> tokenizer, ObjectNode others) {
  static final String FILE = "config.json";
  static final String TYPE = "longnet";

  private static final int MAX_BYTES = 16 << 20;
  private static final String LENGTH = "max_position_embeddings";
  private static final ObjectMapper JSON =
      JsonMapper.builder().enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION).build();

  /// The names of a model's keys there.
  private static final Map<String, String> NAMES =
      Map.of(
          "vocabulary", "vocab_size",
          "layers", "num_hidden_layers",
          "hidden", "hidden_size",
          "heads", "num_attention_heads",
          "feed_forward", "intermediate_size",
          "activation", "hidden_act",
          "tied_output", "tie_word_embeddings",
          "causal", "is_decoder");

  /// Keys that follow from others when a directory is written.
  private static final List<String> DERIVED = List.of("torch_dtype", "dtype", "eos_token_id");

  /// Whether a directory is a model of ours in the Hub's form.
  static boolean isAt(Path directory) throws IOException {
    return Files.isRegularFile(directory.resolve(FILE))
        && parse(directory.resolve(FILE)).path("model_type").asText().equals(TYPE);
  }

  /// @throws IllegalArgumentException names the key that is missing or wrong
  static HubConfig read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    ObjectNode tree = parse(file);
    NAMES.forEach((ours, theirs) -> {
      if (tree.has(theirs) && tree.has(ours)) {
        throw new IllegalArgumentException(
            theirs + " and " + ours + " exclude each other, they are one key: " + file);
      }
      if (tree.has(theirs)) {
        tree.set(ours, tree.remove(theirs));
      }
    });
    Section s =
        Section.root(
            tree, key -> file + (NAMES.containsKey(key) ? ", where it is " + NAMES.get(key) : ""));
    if (!s.text("model_type", "").equals(TYPE)) {
      throw s.wrong("model_type", "must be " + TYPE);
    }
    for (String key : List.of("vocabulary", "feed_forward", "positions", "tied_output")) {
      s.require(key);
    }
    ModelConfig model = ModelTree.readAmongOthers(s, 1);
    int length = s.requiredInteger(LENGTH, 1);
    Optional<String> tokenizer =
        s.has("tokenizer") ? Optional.of(s.text("tokenizer", "")) : Optional.empty();
    ObjectNode others = s.others().without(DERIVED);
    if (others.path("architectures").equals(architectures(model))) {
      others.remove("architectures");
    }
    return new HubConfig(model, length, tokenizer, others);
  }

  private static ArrayNode architectures(ModelConfig model) {
    return JSON.createArrayNode().add(model.causal() ? "LongNetForCausalLM" : "LongNetForMaskedLM");
  }

  /// @param type of the weights, as PyTorch calls it
  /// @param endOfText the token that ends a document, where the tokenizer is known
  ObjectNode write(String type, Optional<Integer> endOfText) {
    ObjectNode tree = JSON.createObjectNode();
    tree.put("model_type", TYPE);
    tree.set("architectures", architectures(model));
    tree.put(NAMES.get("activation"), model.activation().toString());
    ModelTree.write(model)
        .properties()
        .forEach(e -> tree.set(NAMES.getOrDefault(e.getKey(), e.getKey()), e.getValue()));
    tree.put(LENGTH, trainedLength);
    tree.put("torch_dtype", type);
    tokenizer.ifPresent(name -> tree.put("tokenizer", name));
    endOfText.ifPresent(id -> tree.put("eos_token_id", id));
    // Theirs may say more than ours: another architecture, another program.
    others.properties().forEach(e -> tree.set(e.getKey(), e.getValue()));
    return tree;
  }

  private static ObjectNode parse(Path file) throws IOException {
    if (Files.size(file) > MAX_BYTES) {
      throw new IllegalArgumentException(
          "a configuration must be at most " + MAX_BYTES + " bytes: " + file);
    }
    try {
      if (Texts.json(JSON, Files.readAllBytes(file)) instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException("not a JSON object: " + file);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("not valid JSON: " + file + ": " + Texts.reason(e));
    }
  }

  /// What an import keeps for an export: the configuration's other keys and the files that are
  /// taken over as they are. It stands in the metadata of `model.safetensors`.
  ///
  /// @param files text by name
  record Kept(ObjectNode config, Map<String, String> files) {
    private static final String KEY = "hub";
    private static final List<String> FILES =
        List.of(
            "README.md",
            "generation_config.json",
            "tokenizer_config.json",
            "special_tokens_map.json",
            "chat_template.jinja");

    static Kept of(Path directory, ObjectNode config) throws IOException {
      Map<String, String> files = new LinkedHashMap<>();
      for (String name : FILES) {
        Path file = directory.resolve(name);
        if (Files.isRegularFile(file)) {
          if (Files.size(file) > MAX_BYTES) {
            throw new IllegalArgumentException(
                "a text beside the weights must be at most " + MAX_BYTES + " bytes: " + file);
          }
          files.put(name, Texts.read(file));
        }
      }
      return new Kept(config, files);
    }

    void write(Map<String, String> metadata) {
      ObjectNode tree = JSON.createObjectNode();
      tree.set("config", config);
      ObjectNode texts = tree.putObject("files");
      files.forEach(texts::put);
      metadata.put(KEY, tree.toString());
    }

    /// Nothing for weights that did not come from there.
    static Kept read(Map<String, String> metadata) {
      String text = metadata.get(KEY);
      try {
        if (text == null) {
          return new Kept(JSON.createObjectNode(), Map.of());
        }
        if (JSON.readTree(text) instanceof ObjectNode tree
            && tree.get("config") instanceof ObjectNode config
            && tree.get("files") instanceof ObjectNode texts) {
          Map<String, String> files = new LinkedHashMap<>();
          for (String name : FILES) {
            if (texts.path(name).isTextual()) {
              files.put(name, texts.get(name).textValue());
            }
          }
          return new Kept(config, files);
        }
        throw new IllegalArgumentException("metadata key hub must hold config and files");
      } catch (JsonProcessingException e) {
        throw new IllegalArgumentException("metadata key hub is not valid JSON", e);
      }
    }
  }
}
