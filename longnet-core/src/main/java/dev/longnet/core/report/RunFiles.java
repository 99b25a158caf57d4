// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.report;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.MissingNode;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// What a run's directory holds for its report; every file but `metrics.jsonl` may be missing.
///
/// @param train lines of `metrics.jsonl` with event `train`, in order
/// @param validation those with event `validation`
/// @param evaluation `evaluation.json`, as `longnet eval --json` writes it; missing node when
///   absent
/// @param environment `environment.json`; missing node when absent
/// @param recipe text of `recipe.yaml`; empty when absent
/// @param sample text of `sample.txt`; empty when absent
record RunFiles(
    Path run,
    List<JsonNode> train,
    List<JsonNode> validation,
    JsonNode evaluation,
    JsonNode environment,
    String recipe,
    String sample) {
  private static final ObjectMapper JSON = new ObjectMapper();

  static RunFiles read(Path run) throws IOException {
    Path metrics = run.resolve("metrics.jsonl");
    if (!Files.isRegularFile(metrics)) {
      throw new IllegalArgumentException("not a run's directory: " + run + " has no metrics.jsonl");
    }
    List<JsonNode> train = new ArrayList<>();
    List<JsonNode> validation = new ArrayList<>();
    for (String line : Texts.read(metrics).lines().toList()) {
      JsonNode node = parse(line);
      switch (node.path("event").asText()) {
        case "train" -> train.add(node);
        case "validation" -> validation.add(node);
        default -> {} // a line cut off by a kill, or an event this report doesn't draw
      }
    }
    return new RunFiles(
        run,
        List.copyOf(train),
        List.copyOf(validation),
        whole(run.resolve("evaluation.json")),
        whole(run.resolve("environment.json")),
        text(run.resolve("recipe.yaml")),
        text(run.resolve("sample.txt")));
  }

  /// The values of one field; NaN where it is absent or null.
  static double[] values(List<JsonNode> lines, String field) {
    return lines.stream().mapToDouble(n -> n.path(field).asDouble(Double.NaN)).toArray();
  }

  private static JsonNode parse(String text) {
    if (text.isBlank()) {
      return MissingNode.getInstance();
    }
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException damaged) {
      return MissingNode.getInstance();
    }
  }

  /// @throws IllegalArgumentException when there is a file that isn't JSON
  private static JsonNode whole(Path file) throws IOException {
    String text = text(file);
    JsonNode node = parse(text);
    if (node.isMissingNode() && !text.isBlank()) {
      throw new FieldException(
          "not JSON, remove it or make it again with %s: %s", Field.of("evaluation"), file);
    }
    return node;
  }

  private static String text(Path file) throws IOException {
    return Files.isRegularFile(file) ? Texts.read(file) : "";
  }
}
