// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/// Reads one mapping of a configuration tree strictly: every key has a type and a rule, and
/// [#done()] refuses keys nobody asked for. Messages name the key with its whole path, the rule,
/// the value and where the value came from.
public final class Section {
  private final ObjectNode node;
  private final String path;
  private final Origin origin;
  private final Set<String> known = new LinkedHashSet<>();

  /// Says where a key's value came from, for messages: the recipe's name, or what overrides it.
  public interface Origin {
    String of(String path);
  }

  private Section(ObjectNode node, String path, Origin origin) {
    this.node = node;
    this.path = path;
    this.origin = origin;
  }

  /// The top of a tree.
  ///
  /// @param source names the file in messages
  public static Section root(ObjectNode tree, String source) {
    return root(tree, path -> source);
  }

  /// The top of a tree whose keys come from different places.
  public static Section root(ObjectNode tree, Origin origin) {
    return new Section(tree, "", origin);
  }

  public boolean has(String key) {
    known.add(key);
    return present(key);
  }

  /// A nested mapping; an empty one when the key is absent.
  public Section section(String key) {
    known.add(key);
    if (!present(key)) {
      return new Section(JsonNodeFactory.instance.objectNode(), at(key), origin);
    }
    if (!(node.get(key) instanceof ObjectNode object)) {
      throw wrong(key, "must be a section of keys");
    }
    return new Section(object, at(key), origin);
  }

  /// A nested list of mappings; empty when the key is absent.
  public List<Section> sections(String key) {
    List<Section> result = new ArrayList<>();
    for (JsonNode element : array(key)) {
      if (!(element instanceof ObjectNode object)) {
        throw wrong(key, "must be a list of sections");
      }
      result.add(new Section(object, at(key) + "[" + result.size() + "]", origin));
    }
    return result;
  }

  /// As [#sections(String)], where a text may stand for a mapping.
  ///
  /// @param textKey a text in the list stands for a mapping of this key alone
  public List<Section> sections(String key, String textKey) {
    List<Section> result = new ArrayList<>();
    for (JsonNode element : array(key)) {
      JsonNode mapping =
          element.isTextual()
              ? JsonNodeFactory.instance.objectNode().set(textKey, element)
              : element;
      if (!(mapping instanceof ObjectNode object)) {
        throw wrong(key, "must be a list of texts or sections");
      }
      result.add(new Section(object, at(key) + "[" + result.size() + "]", origin));
    }
    return result;
  }

  public int integer(String key, int fallback, int min) {
    return Math.toIntExact(whole(key, fallback, min, Integer.MAX_VALUE));
  }

  public long wholeNumber(String key, long fallback, long min) {
    return whole(key, fallback, min, Long.MAX_VALUE);
  }

  /// @throws IllegalArgumentException when the key is absent
  public int requiredInteger(String key, int min) {
    require(key);
    return integer(key, min, min);
  }

  private long whole(String key, long fallback, long min, long max) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    return wholeValue(key, node.get(key), min, max);
  }

  private long wholeValue(String key, JsonNode value, long min, long max) {
    String rule = "must be a whole number of at least " + min;
    // 1e6 is a double to YAML; it is a whole number to a person.
    boolean whole =
        value.isIntegralNumber()
            || value.isNumber() && value.asDouble() == Math.rint(value.asDouble());
    boolean larger = value.asDouble() > max || value.isBigInteger() && value.asDouble() > 0;
    if (!whole || larger || value.asDouble() < min) {
      throw wrong(key, whole && larger ? "must be at most " + max : rule);
    }
    return value.isIntegralNumber() ? value.asLong() : (long) value.asDouble();
  }

  /// A finite number in [min, max].
  public double number(String key, double fallback, double min, double max) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    JsonNode value = node.get(key);
    double number = value.asDouble();
    if (!value.isNumber() || !Double.isFinite(number) || number < min || number > max) {
      throw wrong(
          key,
          max == Double.MAX_VALUE
              ? "must be a number of at least " + min
              : "must be a number from " + min + " to " + max);
    }
    return number;
  }

  public boolean flag(String key, boolean fallback) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    if (!node.get(key).isBoolean()) {
      throw wrong(key, "must be true or false");
    }
    return node.get(key).booleanValue();
  }

  public String text(String key, String fallback) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    return textValue(key, node.get(key));
  }

  public String requiredText(String key) {
    require(key);
    return text(key, "");
  }

  /// One of an enum's constants, written in lower case.
  public <E extends Enum<E>> E choice(String key, E fallback, Class<E> type) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    List<String> names = new ArrayList<>();
    for (E constant : type.getEnumConstants()) {
      String name = constant.name().toLowerCase(Locale.ROOT);
      names.add(name);
      if (node.get(key).isTextual() && name.equals(node.get(key).textValue())) {
        return constant;
      }
    }
    throw wrong(key, "must be one of " + String.join(", ", names));
  }

  public List<Long> wholeNumbers(String key, List<Long> fallback, long min) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    List<Long> result = new ArrayList<>();
    for (JsonNode value : array(key)) {
      result.add(wholeValue(key, value, min, Long.MAX_VALUE));
    }
    return List.copyOf(result);
  }

  /// Finite numbers in [min, max]; empty when the key is absent.
  public List<Double> numbers(String key, double min, double max) {
    List<Double> result = new ArrayList<>();
    for (JsonNode value : array(key)) {
      if (!value.isNumber() || !(value.asDouble() >= min && value.asDouble() <= max)) {
        throw wrong(key, "must be a list of numbers from " + min + " to " + max);
      }
      result.add(value.asDouble());
    }
    return List.copyOf(result);
  }

  public List<String> texts(String key, List<String> fallback) {
    known.add(key);
    if (!present(key)) {
      return fallback;
    }
    List<String> result = new ArrayList<>();
    for (JsonNode value : array(key)) {
      result.add(textValue(key, value));
    }
    return List.copyOf(result);
  }

  /// Refuses a key that exists but nobody read, with the nearest known one.
  public void done() {
    for (String key : (Iterable<String>) () -> node.fieldNames()) {
      if (!known.contains(key)) {
        throw new IllegalArgumentException(
            "unknown key "
                + at(key)
                + Nearest.suggestion(key, known, this::at)
                + " ("
                + origin.of(at(key))
                + ")");
      }
    }
  }

  /// The keys that exist but nobody read, for those who keep them.
  public ObjectNode others() {
    return node.deepCopy().without(known);
  }

  /// The user's mistake about `key`: path, rule, value, origin.
  public IllegalArgumentException wrong(String key, String rule) {
    JsonNode value = node.get(key);
    String shown = value == null ? "nothing" : value.toString();
    if (shown.length() > 80) {
      shown = shown.substring(0, 77) + "...";
    }
    return new IllegalArgumentException(
        at(key) + " " + rule + ": " + at(key) + "=" + shown + " (" + origin.of(at(key)) + ")");
  }

  /// Refuses an absent key.
  public void require(String key) {
    if (!has(key)) {
      throw new IllegalArgumentException(
          at(key) + " is missing" + misspelt(key) + " (" + origin.of(at(key)) + ")");
    }
  }

  /// A key nobody read that looks like `key`, for the message that `key` is missing.
  private String misspelt(String key) {
    for (String there : (Iterable<String>) () -> node.fieldNames()) {
      String near = known.contains(there) ? "" : Nearest.suggestion(there, Set.of(key), this::at);
      if (near.contains("did you mean")) {
        return ", unknown key " + at(there) + near;
      }
    }
    return "";
  }

  private String textValue(String key, JsonNode value) {
    if (!value.isTextual()) {
      throw wrong(key, "must be text");
    }
    return value.textValue();
  }

  private Iterable<JsonNode> array(String key) {
    known.add(key);
    if (!present(key)) {
      return List.of();
    }
    if (!node.get(key).isArray()) {
      throw wrong(key, "must be a list");
    }
    return node.get(key);
  }

  /// A key without a value (`key:` or null) counts as absent: its default applies.
  private boolean present(String key) {
    return node.hasNonNull(key);
  }

  private String at(String key) {
    return path.isEmpty() ? key : path + "." + key;
  }
}
