// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

/// A tokenizer for text in the middle of another: without the space that stands for a text's
/// beginning.
final class Continuation {
  private Continuation() {}

  /// @param whole the tokenizer of `file`, and the answer where it adds no space
  static NativeTokenizer of(String name, TokenizerTree file, NativeTokenizer whole) {
    ObjectNode tree = file.tree().deepCopy();
    takePrefixes(tree.path("normalizer"));
    takePrefixes(tree.path("pre_tokenizer"));
    return tree.equals(file.tree()) ? whole : NativeTokenizer.load(name, tree);
  }

  private static void takePrefixes(JsonNode node) {
    if (node instanceof ObjectNode step) {
      String type = step.path("type").asText();
      if (type.equals("Prepend")) {
        step.removeAll();
        step.put("type", "Sequence").putArray("normalizers");
        return;
      }
      boolean spaces = type.equals("Metaspace") || type.equals("ByteLevel");
      if (spaces && step.path("add_prefix_space").asBoolean()) {
        step.put("add_prefix_space", false);
      }
      if (type.equals("Metaspace") && !step.path("prepend_scheme").asText().equals("never")) {
        step.put("prepend_scheme", "never");
      }
    }
    if (node instanceof ObjectNode || node instanceof ArrayNode) {
      node.forEach(Continuation::takePrefixes);
    }
  }
}
