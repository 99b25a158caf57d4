// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/// The part of JSON Schema that Kubernetes' APIs are described in. Fields that a schema does not
/// name are wrong, as they are for `kubectl apply`.
///
/// @param root with the definitions that `$ref` names
record StructuralSchema(JsonNode root) {
  /// Keywords that are checked, and those that say nothing to check here.
  private static final Set<String> KNOWN =
      Set.of(
          "$ref",
          "type",
          "required",
          "properties",
          "additionalProperties",
          "items",
          "enum",
          "anyOf",
          "minimum",
          "maximum",
          "minItems",
          "maxItems",
          "pattern",
          "definitions");

  private static final Pattern SILENT =
      Pattern.compile("description|format|default|title|source|x-kubernetes-.*");

  /// What is wrong with a value; empty where nothing is.
  List<String> faults(String definition, JsonNode value) {
    List<String> faults = new ArrayList<>();
    check(root.path("definitions").path(definition), value, definition, faults);
    return faults;
  }

  private void check(JsonNode schema, JsonNode value, String at, List<String> faults) {
    if (schema.isMissingNode()) {
      throw new IllegalStateException("no schema for " + at);
    }
    schema
        .fieldNames()
        .forEachRemaining(keyword -> {
          if (!KNOWN.contains(keyword) && !SILENT.matcher(keyword).matches()) {
            throw new IllegalStateException(
                "a keyword that is not checked: " + keyword + " at " + at);
          }
        });
    if (schema.has("$ref")) {
      String name = schema.get("$ref").asText().replace("#/definitions/", "");
      check(root.path("definitions").path(name), value, at, faults);
      return;
    }
    if (schema.has("anyOf")) {
      List<String> all = new ArrayList<>();
      for (JsonNode one : schema.get("anyOf")) {
        List<String> own = new ArrayList<>();
        check(one, value, at, own);
        if (own.isEmpty()) {
          all.clear();
          break;
        }
        all.addAll(own);
      }
      faults.addAll(all);
    }
    if (schema.has("type") && !isOf(schema.get("type").asText(), value)) {
      faults.add(at + " must be of type " + schema.get("type").asText() + ": " + value);
      return;
    }
    if (schema.has("enum") && !contains(schema.get("enum"), value)) {
      faults.add(at + " must be one of " + schema.get("enum") + ": " + value);
    }
    if (schema.has("pattern")
        && !Pattern.compile(schema.get("pattern").asText()).matcher(value.asText()).find()) {
      faults.add(at + " must match " + schema.get("pattern").asText() + ": " + value);
    }
    double number = value.isNumber() ? value.asDouble() : Double.NaN;
    if (number < schema.path("minimum").asDouble(number)
        || number > schema.path("maximum").asDouble(number)) {
      faults.add(at + " is out of range: " + value);
    }
    if (value.isArray()) {
      if (value.size() < schema.path("minItems").asInt(0)
          || value.size() > schema.path("maxItems").asInt(Integer.MAX_VALUE)) {
        faults.add(at + " has too many or too few elements: " + value.size());
      }
      for (int i = 0; i < value.size(); i++) {
        check(schema.get("items"), value.get(i), at + "[" + i + "]", faults);
      }
    }
    if (value.isObject()) {
      checkFields(schema, value, at, faults);
    }
  }

  private void checkFields(JsonNode schema, JsonNode value, String at, List<String> faults) {
    for (JsonNode name : schema.path("required")) {
      if (!value.has(name.asText())) {
        faults.add(at + "." + name.asText() + " is missing");
      }
    }
    JsonNode further = schema.path("additionalProperties");
    for (Map.Entry<String, JsonNode> field : value.properties()) {
      String path = at + "." + field.getKey();
      JsonNode known = schema.path("properties").path(field.getKey());
      if (known.isObject()) {
        check(known, field.getValue(), path, faults);
      } else if (further.isObject()) {
        check(further, field.getValue(), path, faults);
      } else {
        faults.add(path + " is no field");
      }
    }
  }

  private static boolean contains(JsonNode all, JsonNode value) {
    for (JsonNode one : all) {
      if (one.equals(value)) {
        return true;
      }
    }
    return false;
  }

  private static boolean isOf(String type, JsonNode value) {
    return switch (type) {
      case "object" -> value.isObject();
      case "array" -> value.isArray();
      case "string" -> value.isTextual();
      case "integer" -> value.isIntegralNumber();
      case "number" -> value.isNumber();
      case "boolean" -> value.isBoolean();
      case "null" -> value.isNull();
      default -> throw new IllegalStateException("no type of JSON: " + type);
    };
  }
}
