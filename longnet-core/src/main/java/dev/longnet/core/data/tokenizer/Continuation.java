// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.jspecify.annotations.Nullable;

/// A tokenizer for text in the middle of another: without the space that stands for a text's
/// beginning. Few texts need it: its vocabulary is loaded when one does.
final class Continuation {
  private final String name;
  private final ObjectNode tree;
  private final boolean same;
  private @Nullable NativeTokenizer loaded;

  /// @param whole the tokenizer of `file`, and the answer where it adds no space
  Continuation(String name, TokenizerTree file, NativeTokenizer whole) {
    this.name = name;
    this.tree = file.tree().deepCopy();
    takePrefixes(tree.path("normalizer"));
    takePrefixes(tree.path("pre_tokenizer"));
    this.same = tree.equals(file.tree());
    this.loaded = same ? whole : null;
    if (same) {
      tree.removeAll();
    }
  }

  /// Whether a text's beginning is like any other place.
  boolean same() {
    return same;
  }

  synchronized NativeTokenizer get() {
    NativeTokenizer tokenizer = loaded;
    if (tokenizer == null) {
      tokenizer = NativeTokenizer.load(name, tree);
      loaded = tokenizer;
      tree.removeAll();
    }
    return tokenizer;
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
