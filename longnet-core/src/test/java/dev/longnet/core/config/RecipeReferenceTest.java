// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// docs/recipes.md against the program: every key, no other, and the defaults it writes as code.
class RecipeReferenceTest {
  private static final Path REFERENCE = Path.of("../docs/recipes.md");

  /// What no recipe's whole configuration shows: a decoder never has it.
  private static final String ENCODERS_ONLY = "model.attention.torchscale_zero_padded_keys";

  @TempDir Path directory;

  /// A key's path, and its default as the reference has it.
  private final Map<String, String> documented = new TreeMap<>();

  @BeforeEach
  void read() throws Exception {
    String section = "";
    for (String line : Files.readAllLines(REFERENCE)) {
      if (line.startsWith("#")) {
        String title = line.replaceFirst("#+ ", "");
        section = title.equals("top level") ? "" : title + ".";
      } else if (line.startsWith("| `")) {
        String[] cells = line.split(" *\\| *", -1);
        assertThat(cells).as(line).hasSize(6);
        String key = section + cells[1].replace("`", "");
        assertThat(documented.put(key, cells[2]))
            .as(key + " stands twice in " + REFERENCE)
            .isNull();
      }
    }
  }

  @Test
  void namesEveryKeyAndNoOther() throws Exception {
    Set<String> keys = new TreeSet<>(Set.of(ENCODERS_ONLY));
    Set<String> types = new TreeSet<>();
    for (String name : Recipes.names()) {
      ObjectNode tree =
          RunConfigTree.write(Recipes.load(name, List.of(), Tokenizers::vocabularySize));
      types.add(tree.at("/model/attention/type").textValue());
      collect(tree, "", keys);
    }
    assertThat(types)
        .as("types of mixers that a recipe of ours shows")
        .containsExactlyInAnyOrderElementsOf(
            Arrays.stream(MixerTree.Type.values())
                .map(type -> type.name().toLowerCase(Locale.ROOT))
                .toList());
    collect(
        RunConfigTree.write(
            smallest(
                "corpus.sources=[{path: src, weight: 2}]",
                "corpus.duplicates=near",
                "corpus.holdout=group",
                "corpus.group_depth=2")),
        "",
        keys);
    collect(
        RunConfigTree.write(
            smallest(
                "model.attention={type: dilated, segment_lengths: [8], dilations: [1]}",
                "training.windows=[{until: 0.5, window: 64, branches: 1}, {window: 128}]")),
        "",
        keys);
    RunConfigTree.write(
            smallest("model.mixers=[dense, {type: sparse, block_length: 8, columns: 2}]"))
        .get("model")
        .fieldNames()
        .forEachRemaining(key -> keys.add("model." + key));
    collect(
        RunConfigTree.write(
            smallest(
                "model.attention={type: dilated, branches: [{segment_length: 8, heads: [0, 1, 2, 3], "
                    + "layers: [0, 1]}]}")),
        "",
        keys);
    Set<String> missing = new TreeSet<>(keys);
    missing.removeAll(documented.keySet());
    assertThat(missing).as("keys that " + REFERENCE + " does not name").isEmpty();
    Set<String> unknown = new TreeSet<>(documented.keySet());
    unknown.removeAll(keys);
    assertThat(unknown).as("keys of " + REFERENCE + " that no recipe has").isEmpty();
  }

  @Test
  void defaultsAreTheProgramsOwn() throws Exception {
    JsonNode defaults = RunConfigTree.write(smallest());
    JsonNode dilated =
        RunConfigTree.write(
            smallest("model.attention={type: dilated, segment_lengths: [8], dilations: [1]}"));
    JsonNode branches =
        RunConfigTree.write(
            smallest("model.attention={type: dilated, branches: [{segment_length: 8}]}"));
    documented.forEach((key, cell) -> {
      if (cell.startsWith("`")) {
        JsonNode written =
            Recipes.parse("value: " + cell.substring(1, cell.indexOf('`', 1)), key).get("value");
        String pointer =
            "/"
                + key.replace("corpus.sources.", "corpus/sources/0/")
                    .replace("attention.branches.", "attention/branches/0/")
                    .replace('.', '/');
        JsonNode tree =
            key.startsWith("model.attention.branches.")
                ? branches
                : key.startsWith("model.attention.") ? dilated : defaults;
        JsonNode actual = tree.at(pointer);
        boolean equal =
            written.isNumber() ? written.asDouble() == actual.asDouble() : written.equals(actual);
        assertThat(equal)
            .as("%s has the default %s, %s says %s", key, actual, REFERENCE, written)
            .isTrue();
      }
    });
  }

  private RunConfig smallest(String... overrides) throws Exception {
    Path file = directory.resolve("smallest.yaml");
    Files.writeString(
        file,
        """
        corpus: {sources: [src], tokenizer: bytes}
        model: {layers: 2, hidden: 64, heads: 4, attention: {type: dense}}
        training: {window: 128, steps: 10}
        """);
    return Recipes.load(file.toString(), List.of(overrides), Tokenizers::vocabularySize);
  }

  private static void collect(JsonNode node, String path, Set<String> keys) {
    if (node.isArray()) {
      node.forEach(element -> collect(element, path, keys));
    }
    node.properties()
        .forEach(entry -> {
          keys.add(path + entry.getKey());
          collect(entry.getValue(), path + entry.getKey() + ".", keys);
        });
  }
}
