// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import com.fasterxml.jackson.core.JsonLocation;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.MissingNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.fasterxml.jackson.dataformat.yaml.YAMLFactory;
import com.fasterxml.jackson.dataformat.yaml.YAMLGenerator;
import com.fasterxml.jackson.dataformat.yaml.YAMLMapper;
import com.fasterxml.jackson.dataformat.yaml.YAMLParser;
import com.fasterxml.jackson.dataformat.yaml.util.StringQuotingChecker;
import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.math.BigInteger;
import java.util.regex.Pattern;

/// YAML whose plain words mean what version 1.2's core schema says. Jackson reads 1.1, where `0100`
/// is 64, `1_000` a number, and `no` and `on` are booleans.
public final class Yaml {
  private static final Pattern WHOLE = Pattern.compile("[-+]?[0-9]+");
  private static final Pattern NUMBER =
      Pattern.compile("[-+]?(\\.[0-9]+|[0-9]+(\\.[0-9]*)?)([eE][-+]?[0-9]+)?");
  private static final Pattern NOT_FINITE =
      Pattern.compile("[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)");
  private static final Pattern HEXADECIMAL = Pattern.compile("0x[0-9a-fA-F]+");
  private static final Pattern OCTAL = Pattern.compile("0o[0-7]+");
  private static final Pattern NOTHING = Pattern.compile("~|null|Null|NULL|");

  /// What a scalar that is not plain begins with: a quote, a block, a tag, an anchor.
  private static final String STYLED = "'\"|>!&";

  private static final JsonNodeFactory NODES = JsonNodeFactory.instance;

  private static final ObjectMapper MAPPER =
      YAMLMapper.builder(
              YAMLFactory.builder()
                  .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
                  .disable(YAMLGenerator.Feature.WRITE_DOC_START_MARKER)
                  .enable(YAMLGenerator.Feature.MINIMIZE_QUOTES)
                  .stringQuotingChecker(new Quotes())
                  .build())
          .build();

  /// Quotes every text that would be read as something else.
  private static final class Quotes extends StringQuotingChecker.Default {
    private static final long serialVersionUID = 1L;

    @Override
    public boolean needToQuoteValue(String value) {
      return super.needToQuoteValue(value) || !plain(value).isTextual();
    }
  }

  private Yaml() {}

  /// A text's only document, which holds sections of keys.
  ///
  /// @param what it is, for messages: "a recipe"
  /// @param source where it comes from, for messages
  /// @throws IllegalArgumentException where it is anything else
  public static ObjectNode object(String text, String what, String source) {
    try {
      JsonNode tree = read(text);
      if (hasMore(text)) {
        throw new IllegalArgumentException(what + " must be one YAML document: " + source);
      }
      if (tree instanceof ObjectNode object) {
        return object;
      }
      throw new IllegalArgumentException(what + " must hold sections of keys: " + source);
    } catch (JsonProcessingException e) {
      JsonLocation at = e.getLocation();
      String where = at == null ? "" : " line " + at.getLineNr();
      throw new IllegalArgumentException(source + where + ": " + Texts.reason(e), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// The first document of a text, [MissingNode] where it has none.
  ///
  /// @throws JsonParseException where it is not valid YAML, or holds an alias
  public static JsonNode read(String text) throws IOException {
    try (YAMLParser parser = (YAMLParser) MAPPER.createParser(text)) {
      return parser.nextToken() == null ? MissingNode.getInstance() : value(parser, text);
    }
  }

  /// Whether a second document follows the first.
  static boolean hasMore(String text) throws IOException {
    try (YAMLParser parser = (YAMLParser) MAPPER.createParser(text)) {
      parser.nextToken();
      parser.skipChildren();
      return parser.nextToken() != null;
    }
  }

  public static String write(ObjectNode tree) throws IOException {
    return MAPPER.writeValueAsString(tree);
  }

  private static JsonNode value(YAMLParser parser, String text) throws IOException {
    JsonToken token = parser.currentToken();
    if (token == JsonToken.START_OBJECT) {
      ObjectNode object = NODES.objectNode();
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String key = parser.currentName();
        parser.nextToken();
        object.set(key, value(parser, text));
      }
      return object;
    }
    if (token == JsonToken.START_ARRAY) {
      ArrayNode array = NODES.arrayNode();
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        array.add(value(parser, text));
      }
      return array;
    }
    if (parser.isCurrentAlias()) {
      throw new JsonParseException(
          parser, "an alias is not read, write the value again: *" + parser.getText());
    }
    int start = (int) parser.currentTokenLocation().getCharOffset();
    boolean styled = start < text.length() && STYLED.indexOf(text.charAt(start)) >= 0;
    // Tagged or anchored, it is plain nevertheless where Jackson took it for something else than
    // text.
    return styled && token == JsonToken.VALUE_STRING
        ? NODES.textNode(parser.getText())
        : plain(parser.getText());
  }

  /// A scalar without quotes.
  private static JsonNode plain(String word) {
    if (NOTHING.matcher(word).matches()) {
      return NODES.nullNode();
    }
    if (WHOLE.matcher(word).matches()) {
      return whole(new BigInteger(word));
    }
    if (NUMBER.matcher(word).matches()) {
      return NODES.numberNode(Double.parseDouble(word));
    }
    if (HEXADECIMAL.matcher(word).matches()) {
      return whole(new BigInteger(word.substring(2), 16));
    }
    if (OCTAL.matcher(word).matches()) {
      return whole(new BigInteger(word.substring(2), 8));
    }
    if (NOT_FINITE.matcher(word).matches()) {
      boolean number = word.endsWith("f") || word.endsWith("F");
      return NODES.numberNode(
          !number
              ? Double.NaN
              : word.startsWith("-") ? Double.NEGATIVE_INFINITY : Double.POSITIVE_INFINITY);
    }
    return switch (word) {
      case "true", "True", "TRUE" -> NODES.booleanNode(true);
      case "false", "False", "FALSE" -> NODES.booleanNode(false);
      default -> NODES.textNode(word);
    };
  }

  /// Of the narrowest type that holds it.
  private static JsonNode whole(BigInteger number) {
    int bits = number.bitLength();
    return bits < 32
        ? NODES.numberNode(number.intValue())
        : bits < 64 ? NODES.numberNode(number.longValue()) : NODES.numberNode(number);
  }
}
