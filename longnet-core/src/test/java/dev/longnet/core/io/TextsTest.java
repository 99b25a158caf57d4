// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.io;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class TextsTest {
  @TempDir Path folder;

  @Test
  void whatIsNoTextIsTheFilesFault() throws IOException {
    Path file = Files.write(folder.resolve("a.yaml"), new byte[] {'a', (byte) 0xc3, 'b'});
    assertThatThrownBy(() -> Texts.read(file))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("not a text in UTF-8: " + file);
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
