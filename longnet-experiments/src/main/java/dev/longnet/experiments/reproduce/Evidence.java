// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.Section;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Texts;
import dev.longnet.experiments.results.Measured;
import dev.longnet.experiments.results.TableJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/// What a finished run left: a small file that says all that its tables and plots need.
///
/// @param measured with which command, where, by which program, when
/// @param hours of training and measuring, together
/// @param recipe of its model, whole, without paths of the machine; empty where nothing was trained
/// @param figures as its experiment wrote them
public record Evidence(
    RunId id, Measured measured, double hours, ObjectNode recipe, ObjectNode figures) {
  private static final int SCHEMA = 1;
  private static final ObjectMapper JSON = new ObjectMapper();

  /// Sections that change how a model is made or looked at, and not which one it is.
  private static final List<String> APART =
      List.of("name", "about", "runtime", "checkpoint", "evaluation", "sample");

  /// A recipe as evidence keeps it.
  static ObjectNode portable(RunConfig config) {
    String tokenizer = config.corpus().tokenizer();
    String named =
        Tokenizers.isFile(tokenizer) ? String.valueOf(Path.of(tokenizer).getFileName()) : tokenizer;
    ObjectNode tree = config.withCorpus(config.corpus().withTokenizer(named)).toTree();
    for (JsonNode source : tree.path("corpus").path("sources")) {
      if (source instanceof ObjectNode own && CorpusSource.isFile(own.path("path").asText())) {
        own.put("path", own.path("path").asText().replaceFirst(".*[/\\\\]", ""));
      }
    }
    return tree;
  }

  /// The first key in which a model's recipe is another one now. Keys that one of them lacks are
  /// newer or older than the other, and have their defaults.
  static Optional<String> difference(ObjectNode before, ObjectNode now) {
    ObjectNode own = before.deepCopy();
    own.remove(APART);
    return difference("", own, now);
  }

  private static Optional<String> difference(String path, JsonNode before, JsonNode now) {
    if (before.isObject() && now.isObject()) {
      for (Map.Entry<String, JsonNode> field : before.properties()) {
        JsonNode other = now.get(field.getKey());
        if (other != null) {
          String key = path.isEmpty() ? field.getKey() : path + "." + field.getKey();
          Optional<String> inside = difference(key, field.getValue(), other);
          if (inside.isPresent()) {
            return inside;
          }
        }
      }
      return Optional.empty();
    }
    // Numbers are equal whatever type they were read as.
    return before.toString().equals(now.toString())
        ? Optional.empty()
        : Optional.of(path + "=" + before + ", now " + now);
  }

  /// Of a run, over seeds; NaN where there is none.
  static double meanHours(List<Evidence> runs) {
    return runs.stream().mapToDouble(Evidence::hours).average().orElse(Double.NaN);
  }

  void write(Path file) throws IOException {
    ObjectNode json = JSON.createObjectNode();
    json.put("schema", SCHEMA);
    json.put("experiment", id.experiment());
    json.put("row", id.row());
    json.put("scale", id.scale().label());
    json.put("seed", id.seed());
    json.put("pilot", id.pilot());
    json.set("measured", TableJson.tree(measured));
    json.put("hours", Math.round(1e4 * hours) / 1e4);
    json.set("recipe", recipe);
    json.set("figures", figures);
    AtomicFiles.writeString(file, json.toPrettyString() + "\n");
  }

  /// @throws IllegalArgumentException one line that names the file and what is wrong in it
  static Evidence read(Path file) throws IOException {
    JsonNode tree;
    try {
      tree = JSON.readTree(Texts.read(file));
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          String.format(Locale.ROOT, "not JSON, %s: %s", Texts.reason(e), file), e);
    }
    if (!(tree instanceof ObjectNode object)
        || !(object.path("recipe") instanceof ObjectNode recipe)
        || !(object.path("figures") instanceof ObjectNode figures)) {
      throw new IllegalArgumentException("not a run's evidence: " + file);
    }
    object.remove(List.of("recipe", "figures"));
    Section top = Section.root(object, file.toString());
    if (top.requiredInteger("schema", 1) > SCHEMA) {
      throw top.wrong("schema", "must be " + SCHEMA + ", a newer program wrote this");
    }
    RunId id =
        new RunId(
            top.requiredText("experiment"),
            top.requiredText("row"),
            top.choice("scale", Scale.MACHINE, Scale.class),
            top.wholeNumber("seed", 1, 0),
            top.flag("pilot", false));
    Evidence evidence =
        new Evidence(
            id,
            TableJson.measured(top.section("measured")),
            top.number("hours", 0, 0, 1e9),
            recipe,
            figures);
    top.done();
    if (!file.getFileName().toString().equals(id.name() + ".json")) {
      throw new IllegalArgumentException(
          "evidence of " + id.name() + " must be called that: " + file);
    }
    return evidence;
  }
}
