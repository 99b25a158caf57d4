// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.io.Texts;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.UUID;

/// A `tokenizer.json` without its special tokens: text that looks like one is ordinary text.
///
/// They are taken from the added tokens, and their names from the model's vocabulary: Unigram and
/// WordLevel models find them there, too.
final class TokenizerTree {
  private static final ObjectMapper JSON = new ObjectMapper();

  /// Tables have a row for each id: a single huge one must not fill the memory.
  private static final int MAX_ID = 1 << 22;

  /// What the end of a document is called, the likeliest first.
  private static final List<String> END_NAMES =
      List.of(
          "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eot_id|>", "<|im_end|>", "[SEP]");

  private final ObjectNode tree;
  private final Map<Integer, String> special;
  private final Map<String, Integer> vocabulary;
  private final int largest;
  private final Optional<Integer> namedEnd;

  /// @param name for messages
  /// @throws IllegalArgumentException when the file is not a tokenizer
  TokenizerTree(String name, byte[] file) {
    tree = parse(name, file);
    tree.path("added_tokens").forEach(added -> id(added.path("id"), name));
    special = takeSpecialTokens();
    vocabulary = vocabulary(name);
    int most = vocabulary.values().stream().mapToInt(i -> i).max().orElse(-1);
    for (JsonNode added : added()) {
      most = Math.max(most, added.path("id").asInt());
    }
    largest = Math.max(most, special.keySet().stream().mapToInt(i -> i).max().orElse(-1));
    namedEnd = findEnd();
    hideSpecialTokens();
  }

  private static ObjectNode parse(String name, byte[] file) {
    try {
      if (Texts.json(JSON, file) instanceof ObjectNode object && object.has("model")) {
        // Whole documents are encoded, as they are.
        object.putNull("truncation");
        object.putNull("padding");
        if (object.get("model") instanceof ObjectNode model && model.has("dropout")) {
          model.putNull("dropout"); // a means of training, which gives other ids each time
        }
        return object;
      }
      throw new IllegalArgumentException(
          "not a Hugging Face tokenizer.json, it has no model: " + name);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "not a tokenizer.json: " + name + ": " + Texts.reason(e), e);
    }
  }

  private Map<Integer, String> takeSpecialTokens() {
    Map<Integer, String> taken = new HashMap<>();
    if (tree.get("added_tokens") instanceof ArrayNode added) {
      for (int i = added.size() - 1; i >= 0; i--) {
        if (added.get(i).path("special").asBoolean()) {
          taken.put(added.get(i).path("id").asInt(), added.get(i).path("content").asText());
          added.remove(i);
        }
      }
    }
    // Templates around a text name special tokens; documents are encoded without them.
    tree.putNull("post_processor");
    return taken;
  }

  private Map<String, Integer> vocabulary(String name) {
    Map<String, Integer> result = new HashMap<>();
    JsonNode vocab = tree.path("model").path("vocab");
    if (vocab.isObject()) {
      vocab.properties().forEach(e -> result.put(e.getKey(), id(e.getValue(), name)));
    } else if (vocab.isArray()) {
      for (int i = 0; i < vocab.size(); i++) {
        result.put(vocab.get(i).path(0).asText(), i);
      }
    }
    return result;
  }

  private static int id(JsonNode id, String name) {
    if (!id.canConvertToInt()
        || !id.isIntegralNumber()
        || id.intValue() < 0
        || id.intValue() > MAX_ID) {
      String shown = id.toString();
      throw new IllegalArgumentException(
          "not a tokenizer.json, ids must be whole numbers from 0 to "
              + MAX_ID
              + ": id="
              + shown.substring(0, Math.min(shown.length(), 40))
              + ": "
              + name);
    }
    return id.intValue();
  }

  private Optional<Integer> findEnd() {
    for (String name : END_NAMES) {
      for (Map.Entry<Integer, String> token : special.entrySet()) {
        if (token.getValue().equals(name)) {
          return Optional.of(token.getKey());
        }
      }
    }
    return Optional.empty();
  }

  /// Gives special tokens names that no text holds: another random one each time. Byte tokens and
  /// what merges are made of keep theirs, no text is looked up by them.
  private void hideSpecialTokens() {
    if (!(tree.get("model") instanceof ObjectNode model)) {
      return;
    }
    Set<String> names = new HashSet<>(special.values());
    model.path("merges").forEach(merge -> names.removeAll(merged(merge)));
    names.removeIf(name -> TokenTexts.byteOf(name) >= 0);
    String secret = "\uE000" + UUID.randomUUID();
    if (model.get("vocab") instanceof ArrayNode pieces) {
      for (JsonNode piece : pieces) {
        if (piece instanceof ArrayNode pair && names.contains(pair.path(0).asText())) {
          pair.set(0, JSON.getNodeFactory().textNode(secret + pair.path(0).asText()));
        }
      }
    } else if (model.get("vocab") instanceof ObjectNode vocab) {
      for (String name : names) {
        JsonNode id = vocab.remove(name);
        if (id != null) {
          vocab.set(secret + name, id);
        }
      }
      String unknown = model.path("unk_token").asText();
      if (names.contains(unknown)) {
        model.put("unk_token", secret + unknown);
      }
    }
  }

  /// The two halves of a merge and what it makes.
  private static List<String> merged(JsonNode merge) {
    if (merge.isArray()) {
      String left = merge.path(0).asText();
      String right = merge.path(1).asText();
      return List.of(left, right, left + right);
    }
    String[] halves = merge.asText().split(" ", 2);
    return halves.length < 2 ? List.of() : List.of(halves[0], halves[1], halves[0] + halves[1]);
  }

  /// The file as the library gets it.
  ObjectNode tree() {
    return tree;
  }

  JsonNode model() {
    return tree.path("model");
  }

  /// Added tokens that are not special: text is cut at them.
  JsonNode added() {
    return tree.path("added_tokens");
  }

  /// Control tokens by id.
  Map<Integer, String> special() {
    return special;
  }

  /// The model's own, as the file has it.
  Map<String, Integer> vocabulary() {
    return vocabulary;
  }

  /// A vocabulary without a name for the end of a document gets one more id.
  int endOfText() {
    return namedEnd.orElse(largest + 1);
  }

  int vocabularySize() {
    return Math.max(largest, endOfText()) + 1;
  }

  /// What ids stand for before a decoder sees it; special tokens for nothing.
  Map<Integer, String> tokens() {
    Map<Integer, String> tokens = new HashMap<>();
    vocabulary.forEach((token, id) -> tokens.put(id, token));
    added().forEach(token -> tokens.put(token.path("id").asInt(), token.path("content").asText()));
    special.keySet().forEach(tokens::remove);
    return tokens;
  }

  static boolean mentions(JsonNode node, String type) {
    return node.path("type").asText().equals(type) || node.findValuesAsText("type").contains(type);
  }
}
