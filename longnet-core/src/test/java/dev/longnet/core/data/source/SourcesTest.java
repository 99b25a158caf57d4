// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Which documents the kinds of sources give, and under which names.
@Timeout(60)
class SourcesTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(strings = {"c.zip", "c.jar", "c.tar", "c.tar.gz", "c.tgz", "c.tar.zst"})
  void archivesGiveTheirDocuments(String name) throws IOException {
    Path file = temp.resolve(name);
    if (name.endsWith("zip") || name.endsWith("jar")) {
      Files.write(file, zip(DOCUMENTS));
    } else {
      Files.write(file, compress(name, tar(new TreeMap<>(DOCUMENTS))));
    }
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEqualTo(DOCUMENTS);
    assertThat(found.texts().keySet())
        .containsExactly("src/a/A.java", "src/a/B.java", "src/b/C.java");
    assertThat(found.rejected()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"c.jsonl", "c.jsonl.gz", "c.jsonl.zst"})
  void rowsOfJson(String name) throws IOException {
    String rows =
        """
        {"content": "first \\u00e9", "path": "a/A.java", "size": 7, "more": {"content": "no"}}

        {"path": "b", "content": 5}
        {"content": "third", "path": "c"
        {"content": "half \\ud800 pair"}
        ["content"]
        {"content": "seventh"} {"content": "eighth"}
        {"content": "last, without a newline", "path": null}\
        """;
    Path file = temp.resolve(name);
    Files.write(file, compress(name, rows.getBytes(StandardCharsets.UTF_8)));
    Walked found =
        Walked.of(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path"),
            DocumentFilter.ALL,
            InputPolicy.DEFAULT,
            temp);
    assertThat(found.texts())
        .isEqualTo(
            Map.of("a/A.java", latin1OfUtf8("first é"), name + ":8", "last, without a newline"));
    assertThat(found.rejected())
        .isEqualTo(
            Map.of(
                name + ":3", Reason.MALFORMED_ROW,
                name + ":4", Reason.INVALID_JSON,
                name + ":5", Reason.HALF_CHARACTER,
                name + ":6", Reason.MALFORMED_ROW,
                name + ":7", Reason.INVALID_JSON));
  }

  @Test
  void longLinesAreCountedAndPassedOver() throws IOException {
    Path file = temp.resolve("long.jsonl");
    try (OutputStream out = Files.newOutputStream(file)) {
      out.write("{\"text\": \"one\"}\n{\"text\": \"".getBytes(StandardCharsets.UTF_8));
      byte[] block = "x".repeat(1 << 20).getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i < 40; i++) {
        out.write(block);
      }
      out.write("\"}\n{\"text\": \"three\"}\n".getBytes(StandardCharsets.UTF_8));
    }
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEqualTo(Map.of("long.jsonl:1", "one", "long.jsonl:3", "three"));
    assertThat(found.rejected()).isEqualTo(Map.of("long.jsonl:2", Reason.ROW_TOO_LONG));
  }

  /// Files written by PyArrow: snappy with a dictionary, zstd, and a file of two row groups; 3
  /// rows, one null.
  @ParameterizedTest
  @ValueSource(strings = {"snappy.parquet", "zstd.parquet", "groups.parquet"})
  void columnsOfParquet(String name) throws IOException {
    Path file = temp.resolve(name);
    try (InputStream in = SourcesTest.class.getResourceAsStream("/corpora/" + name)) {
      Files.copy(in, file);
    }
    Walked found =
        Walked.of(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path"),
            DocumentFilter.ALL,
            InputPolicy.DEFAULT,
            temp);
    assertThat(found.texts())
        .isEqualTo(Map.of("a/A.java", "class A {}", "b/B.py", latin1OfUtf8("# é 🙂\n")));
    assertThat(found.rejected()).isEqualTo(Map.of("c", Reason.MALFORMED_ROW));
    assertThatThrownBy(() -> Walked.of(file, temp))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("text_field must name a text column")
        .hasMessageContaining("content, path, stars");
  }

  @Test
  void globsNameSeveralFiles() throws IOException {
    Files.createDirectories(temp.resolve("d/e"));
    Files.writeString(temp.resolve("d/1.jsonl"), "{\"text\": \"one\"}\n");
    Files.write(
        temp.resolve("d/e/2.jsonl.gz"),
        compress("x.gz", "{\"text\": \"two\"}\n".getBytes(StandardCharsets.UTF_8)));
    Files.write(temp.resolve("d/e/3.zip"), zip(Map.of("z", "three")));
    Files.writeString(temp.resolve("d/e/4.txt"), "four");
    Files.writeString(temp.resolve("d/e/5.md"), "five");
    assertThat(Walked.of(temp.resolve("d/**/*.{jsonl*,zip,txt}"), temp).texts())
        .isEqualTo(
            Map.of("1.jsonl:1", "one", "2.jsonl.gz:1", "two", "z", "three", "e/4.txt", "four"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "**/*.java|A.java|y",
        "**/*.java|a/b/A.java|y",
        "*.java|a/b/A.java|y",
        "a/*.java|a/b/A.java|n",
        "a/**|a/b/c|y",
        "{a,b}.txt|b.txt|y",
        "{a,b}.txt|c.txt|n",
        "f[0-9].c|f7.c|y",
        "f[!0-9].c|f7.c|n",
        "a?c|abc|y",
        "a.c|abc|n"
      })
  void globs(String line) {
    String[] parts = line.split("\\|");
    assertThat(new Glob(parts[0]).matches(parts[1])).isEqualTo(parts[2].equals("y"));
  }

  private static String latin1OfUtf8(String text) {
    return new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.ISO_8859_1);
  }
}
