// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class PromptTextTest {
  private static final CorpusSource HOW = CorpusSource.of("prompt");
  private static final String TEXT = "a prompt, größer\n";

  @TempDir Path folder;

  private static byte[] gzip(byte[] text) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(text);
    }
    return out.toByteArray();
  }

  private String read(String name, byte[] content) throws IOException {
    return read(name, content, HOW);
  }

  private String read(String name, byte[] content, CorpusSource how) throws IOException {
    try (InputStream in =
        PromptText.open(
            Files.write(folder.resolve(name), content),
            how,
            dev.longnet.core.config.InputPolicy.DEFAULT)) {
      return new String(in.readAllBytes(), UTF_8);
    }
  }

  @Test
  void theTextOfAFileWhateverItIs() throws IOException {
    assertThat(read("a.txt", TEXT.getBytes(UTF_8))).isEqualTo(TEXT);
    assertThat(read("a.txt.gz", gzip(TEXT.getBytes(UTF_8)))).isEqualTo(TEXT);
    assertThat(read("b.txt", ("\uFEFF" + TEXT).getBytes(StandardCharsets.UTF_16BE)))
        .isEqualTo(TEXT);
    assertThat(read("a.jsonl", "{\"text\": \"a row\"}\n".getBytes(UTF_8))).isEqualTo("a row");
    assertThat(read("a.json", "{\"text\": \"no row\"}".getBytes(UTF_8))).contains("no row\"}");
    assertThat(read("latin1.txt", new byte[] {'a', (byte) 0xe9, 'b'})).hasSize(3);
  }

  /// As every command has it.
  @Test
  void binaryFilesAreNoPrompts() throws IOException {
    byte[] binary = {'a', 0, 'b'};
    for (byte[] content : List.of(binary, gzip(binary))) {
      assertThatThrownBy(() -> read("binary", content))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("promptFile can't be read: ")
          .hasMessageContaining("binary, a NUL byte at its beginning");
    }
    CorpusSource asItIs =
        new CorpusSource(
            "prompt",
            OptionalDouble.empty(),
            "text",
            "",
            CorpusSource.Format.TEXT,
            HOW.sequences());
    assertThat(read("binary", binary, asItIs)).isEqualTo("a\0b");
  }

  @Test
  void oneTextIsWanted() {
    assertThatThrownBy(
            () -> read("a.json", "{\"text\": \"a\"}\n{\"text\": \"b\"}\n".getBytes(UTF_8)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("promptFile must hold one text")
        .hasMessageContaining("a.json (JSON lines) holds several");
    assertThatThrownBy(() -> read("b.jsonl", "{\"id\": 1}\n".getBytes(UTF_8)))
        .hasMessageEndingWith("b.jsonl (JSON lines) holds none");
    assertThatThrownBy(() -> read("c.jsonl.gz", "<html>".getBytes(UTF_8)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageEndingWith("c.jsonl.gz: an HTML page");
  }
}
