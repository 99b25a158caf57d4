// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class TextsTest {
  @TempDir Path folder;

  @Test
  void whatIsNoTextIsTheFilesFault() throws IOException {
    Path file = Files.write(folder.resolve("a.yaml"), new byte[] {'a', (byte) 0xc3, 'b'});
    assertThatThrownBy(() -> Texts.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not a text in UTF-8: " + file);
    assertThatThrownBy(() -> Texts.read(folder))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("a directory, not a file: " + folder);
  }

  /// Whoever reads of a damaged row knows nothing of the parser's settings.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          {"a": 1, "b | Unexpected end-of-input in field name
          {"a": {     | Unexpected end-of-input: expected close marker for Object
          // {"a": 1} | Unexpected character ('/' (code 47)): maybe a (non-standard) comment?
          {"a": NaN}  | Non-standard token 'NaN'
          """)
  void reasonsAreInPlainWords(String json, String reason) {
    assertThatThrownBy(() -> new ObjectMapper().readTree(json))
        .isInstanceOfSatisfying(
            JsonProcessingException.class, e -> assertThat(Texts.reason(e)).isEqualTo(reason));
    String deep = "[".repeat(300);
    JsonMapper shallow =
        JsonMapper.builder(
                JsonFactory.builder()
                    .streamReadConstraints(
                        StreamReadConstraints.builder().maxNestingDepth(200).build())
                    .build())
            .build();
    assertThatThrownBy(() -> shallow.readTree(deep))
        .isInstanceOfSatisfying(
            JsonProcessingException.class,
            e ->
                assertThat(Texts.reason(e))
                    .isEqualTo("Document nesting depth (201) exceeds the maximum allowed (200)"));
  }

  /// NUL bytes make JSON look like UTF-32, and then some characters are none.
  @Test
  void bytesOfNoCharsetAreNoJson() throws IOException {
    byte[] bytes = {'{', 0, 0, 0, 0, 0, 'x', 0};
    assertThatThrownBy(() -> Texts.json(new ObjectMapper(), bytes))
        .isInstanceOf(JsonProcessingException.class)
        .hasMessageContaining("Invalid UTF-32 character");
    byte[] wide = "{\"a\": 1}".getBytes(StandardCharsets.UTF_16LE);
    assertThat(Texts.json(new ObjectMapper(), wide).get("a").asInt()).isEqualTo(1);
  }
}
