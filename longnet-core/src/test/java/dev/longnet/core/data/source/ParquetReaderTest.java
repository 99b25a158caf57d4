// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ParquetReaderTest {
  @TempDir Path temp;

  private CorpusSource resource(String name) throws IOException {
    Path file = temp.resolve(name);
    try (InputStream in = ParquetReaderTest.class.getResourceAsStream("/corpora/" + name)) {
      Files.copy(in, file, StandardCopyOption.REPLACE_EXISTING);
    }
    return new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path");
  }

  /// With a user's patience: a cold start on a busy core takes seconds.
  private static Walked read(CorpusSource source, InputPolicy policy) throws IOException {
    Admission admission = new Admission(DocumentFilter.ALL, policy);
    return Walked.of(
        new ParquetReader(
            Path.of(source.path()),
            Path.of(source.path()).getFileName().toString(),
            false,
            source,
            admission,
            ParquetReader.PATIENCE));
  }

  /// The texts of a file's rows, in their order, one byte a character.
  private List<String> texts(String file, String textField) throws IOException {
    CorpusSource source =
        new CorpusSource(resource(file).path(), OptionalDouble.empty(), textField, "");
    return List.copyOf(read(source, InputPolicy.DEFAULT).texts().values());
  }

  @Test
  void columnsAreFoundByTheirWholePath() throws IOException {
    assertThat(texts("struct-first.parquet", "text")).containsExactly("hello world");
    String second = new String("another text é".getBytes(UTF_8), ISO_8859_1);
    assertThat(texts("nested.parquet", "text")).containsExactly("one text", second);
    assertThat(texts("nested.parquet", "meta.text")).containsExactly("wrong", "wrong", "wrong");
    assertThat(texts("nested.parquet", "messages.content")).containsExactly("first", "second");
    // A column of that name, and one of that path.
    assertThat(texts("nested.parquet", "a.b.c")).containsExactly("dotted one", "dotted two");
  }

  @ParameterizedTest
  @CsvSource({
    "content, text_field=content",
    "turns.list.element.content, turns.list.element.content in a list",
    "a.b.d, a.b.d of numbers",
    "a.b, text_field=a.b"
  })
  void whatIsNoTextColumnIsRefused(String field, String message) {
    assertThatThrownBy(() -> texts("nested.parquet", field))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("text_field must name a text column of ")
        .hasMessageContaining("(it has meta.text, meta.n of numbers, a.b.c, ")
        .hasMessageContaining(message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"lz4", "gzip"})
  void everyCodecIsRead(String codec) throws IOException {
    String first = new String("hello world é ".repeat(3).getBytes(UTF_8), ISO_8859_1);
    assertThat(texts(codec + ".parquet", "text")).containsExactly(first, "second row");
  }

  @Test
  void brotliIsRead() throws IOException {
    assertThat(texts("brotli.parquet", "text")).containsExactly("hello world");
  }

  @Test
  void whatPrecedesTheLimitIsKept() throws IOException {
    InputPolicy d = InputPolicy.DEFAULT;
    InputPolicy tight =
        new InputPolicy(d.broken(), d.binary(), d.invalidUtf8(), d.maxRatio(), 25, d.maxRowBytes());
    Walked found = read(resource("groups.parquet"), tight);
    assertThat(found.texts()).isEqualTo(Map.of("a/A.java", "class A {}"));
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
  }

  /// 1.2 KB: a dictionary of one text, and 200,000 rows that name it.
  @Test
  void oneTextInManyRowsIsABomb() throws IOException {
    CorpusSource file = resource("repeated.parquet");
    CorpusSource unnamed = new CorpusSource(file.path(), OptionalDouble.empty(), "content", "");
    InputPolicy d = InputPolicy.DEFAULT;
    Walked found = read(unnamed, d);
    assertThat(found.texts()).hasSizeBetween(60_000, 70_000);
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
    InputPolicy trusting =
        new InputPolicy(
            d.broken(), d.binary(), d.invalidUtf8(), 1 << 20, 30_000_000, d.maxRowBytes());
    assertThat(read(unnamed, trusting).texts()).hasSizeBetween(29_000, 30_000);
  }
}
