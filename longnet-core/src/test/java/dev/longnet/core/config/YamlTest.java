// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.config;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class YamlTest {
  @ParameterizedTest
  @CsvSource(
      quoteCharacter = '~',
      textBlock =
          """
          0100,       NUMBER,  100
          09,         NUMBER,  9
          -007,       NUMBER,  -7
          +5,         NUMBER,  5
          0x10,       NUMBER,  16
          0o17,       NUMBER,  15
          08.50,      NUMBER,  8.5
          1e6,        NUMBER,  1000000.0
          .5,         NUMBER,  0.5
          5000000000, NUMBER,  5000000000
          .inf,       NUMBER,  Infinity
          .nan,       NUMBER,  NaN
          1_000,      STRING,  1_000
          0b11,       STRING,  0b11
          1:30,       STRING,  1:30
          190:20:30.1, STRING, 190:20:30.1
          yes,        STRING,  yes
          no,         STRING,  no
          on,         STRING,  on
          Off,        STRING,  Off
          true,       BOOLEAN, true
          False,      BOOLEAN, false
          null,       NULL,    null
          2001-01-01, STRING,  2001-01-01
          '0100',     STRING,  0100
          "1e6",      STRING,  1e6
          'true',     STRING,  true
          !!str 5,    STRING,  5
          """)
  void plainWordsAreThoseOfVersion12(String text, String type, String value) throws Exception {
    for (String context : new String[] {"%s", "a: %s", "{b: 'x', a: %s}", "é: ü\na: %s # five"}) {
      JsonNode read = Yaml.read(context.formatted(text));
      JsonNode node = read.isObject() ? read.get("a") : read;
      assertThat(node.getNodeType()).as(context.formatted(text)).hasToString(type);
      assertThat(node.asText()).isEqualTo(value);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "12",
        "0100",
        "09",
        "1e6",
        ".5",
        "0x10",
        "0o7",
        "no",
        "true",
        "~",
        "null",
        "",
        ".inf",
        "1_000",
        "- a",
        "a: b",
        "# a",
        "*a",
        "&a",
        "'",
        "\"",
        "é\n",
        "@@ -1,3 +1,4 @@",
        " a ",
        "1:30"
      })
  void textsAreWrittenSoThatTheyAreReadAsTexts(String text) throws Exception {
    ObjectNode tree = JsonNodeFactory.instance.objectNode().put("a", text);
    tree.putArray("list").add(text);
    assertThat(Yaml.read(Yaml.write(tree))).isEqualTo(tree);
  }

  @Test
  void aliasesAreRefused() {
    assertThatThrownBy(() -> Yaml.read("a: &x 5\nb: *x\n"))
        .isInstanceOf(JsonParseException.class)
        .hasMessageContaining("an alias is not read, write the value again: *x");
  }

  @Test
  void anAnchoredNumberIsANumber() throws Exception {
    assertThat(Yaml.read("a: &x 0100").get("a").intValue()).isEqualTo(100);
  }
}
