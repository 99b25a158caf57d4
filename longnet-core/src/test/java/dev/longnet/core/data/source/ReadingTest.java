// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.SequenceRule;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// What a file is taken for: alone, in a glob, in a folder.
@Timeout(60)
class ReadingTest {
  private static final String ROWS =
      """
      {"text": "one \\"quoted\\" document"}
      {"text": "another document"}
      """;
  private static final List<String> ROW_TEXTS =
      List.of("one \"quoted\" document", "another document");

  @TempDir Path temp;

  private Path write(String name, byte[] content) throws IOException {
    Path file = temp.resolve(name);
    Files.createDirectories(file.getParent());
    return Files.write(file, content);
  }

  private Path write(String name, String content) throws IOException {
    return write(name, content.getBytes(UTF_8));
  }

  /// A user's file, from the tests' resources.
  private Path users(String name) throws IOException {
    try (InputStream in = ReadingTest.class.getResourceAsStream("/corpora/" + name)) {
      return write("users/" + name, in.readAllBytes());
    }
  }

  private static CorpusSource source(Path path, CorpusSource.Format format) {
    return new CorpusSource(
        path.toString(), OptionalDouble.empty(), "text", "", format, SequenceRule.AS_WRITTEN);
  }

  private static Reading reading(Path file, boolean inFolder) throws IOException {
    return Reading.of(file, source(file, CorpusSource.Format.AUTO), InputPolicy.DEFAULT, inFolder);
  }

  private Map<String, Long> readAs(Path path) throws IOException {
    CorpusSource source = source(path, CorpusSource.Format.AUTO);
    Admission all = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    try (DocumentReader reader = Sources.open(source, Sources.state(source), all, temp)) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        assertThat(entry.name()).isNotEmpty();
      }
      return reader.readAs();
    }
  }

  @Test
  void usersFiles() throws IOException {
    assertThat(Walked.of(users("rows.json"), temp).texts())
        .isEqualTo(Map.of("rows.json:1", ROW_TEXTS.get(0), "rows.json:2", ROW_TEXTS.get(1)));
    assertThat(Walked.of(users("text.txt.gz"), temp).texts())
        .isEqualTo(Map.of("text.txt.gz", "36264 bytes"));
    Walked nan = Walked.of(users("nan.jsonl"), temp);
    assertThat(nan.texts().values()).containsExactly("one document", "another document");
    assertThat(nan.rejected()).isEmpty();
  }

  @Test
  void usersFolderOfShards() throws IOException {
    Path folder = users("shards/rows.jsonl").getParent();
    users("shards/c.parquet");
    write("users/shards/deep/a.json.gz", compress("gz", ROWS.getBytes(UTF_8)));
    write("users/shards/deep/b.txt.zst", compress("zst", "a text".getBytes(UTF_8)));
    Walked found = Walked.of(folder, temp);
    assertThat(found.rejected()).isEmpty();
    assertThat(found.texts())
        .containsEntry("rows.jsonl:2", "another document")
        .containsEntry("deep/a.json.gz:1", ROW_TEXTS.get(0))
        .containsEntry("deep/b.txt.zst", "a text");
    assertThat(found.texts().get("c.parquet:1")).startsWith("Document 0: the quick brown fox");
    assertThat(found.texts()).hasSizeGreaterThan(10);
    assertThat(readAs(folder))
        .isEqualTo(
            Map.of("JSON lines", 1L, "Parquet", 1L, "JSON lines in gzip", 1L, "text in zstd", 1L));
  }

  @ParameterizedTest
  @ValueSource(strings = {"gz", "zst", "zstd", "xz", "bz2"})
  void everyPackingOfEveryKind(String end) throws IOException {
    byte[] text = "über\n".getBytes(UTF_8);
    byte[] rows = compress(end, ROWS.getBytes(UTF_8));
    Path alone = write("a.txt." + end, compress(end, text));
    assertThat(Walked.of(alone, temp).texts()).isEqualTo(Map.of("a.txt." + end, "6 bytes"));
    // A name that promises another packing, or none.
    for (String name : List.of("b.gz", "b.xz", "b", "b.txt", "b.zip")) {
      assertThat(Walked.of(write(name, rows), temp).texts().values())
          .as(name)
          .containsExactlyElementsOf(ROW_TEXTS);
    }
    write("d/a.txt." + end, compress(end, text));
    write("d/rows.json." + end, rows);
    write("d/array.json." + end, compress(end, array(ROWS).getBytes(UTF_8)));
    assertThat(Walked.of(temp.resolve("d"), temp).texts())
        .isEqualTo(
            Map.of(
                "a.txt." + end, new String(text, ISO_8859_1),
                "rows.json." + end + ":1", ROW_TEXTS.get(0),
                "rows.json." + end + ":2", ROW_TEXTS.get(1),
                "array.json." + end + ":1", ROW_TEXTS.get(0),
                "array.json." + end + ":2", ROW_TEXTS.get(1)));
    Path tar = write("c.tar." + end, compress(end, tar(new TreeMap<>(DOCUMENTS))));
    assertThat(Walked.of(tar, temp).texts()).isEqualTo(DOCUMENTS);
    assertThat(Walked.of(Files.copy(tar, temp.resolve("tar")), temp).texts()).isEqualTo(DOCUMENTS);
  }

  private static String array(String lines) {
    return " [ " + lines.strip().replace("\n", " ,\n") + "\n] ";
  }

  @Test
  void archivesAreToldByTheirContent() throws IOException {
    assertThat(Walked.of(write("a.download", zip(DOCUMENTS)), temp).texts()).isEqualTo(DOCUMENTS);
    assertThat(Walked.of(write("b", tar(new TreeMap<>(DOCUMENTS))), temp).texts())
        .isEqualTo(DOCUMENTS);
    Path parquet = users("shards/c.parquet");
    assertThat(reading(Files.copy(parquet, temp.resolve("shard")), false).kind())
        .isEqualTo(Reading.Kind.PARQUET);
  }

  /// Whoever fetches a .gz may get it unpacked.
  @Test
  void aPackedNameAloneIsNotBelieved() throws IOException {
    assertThat(Walked.of(write("a.jsonl.gz", ROWS), temp).texts().values())
        .containsExactlyElementsOf(ROW_TEXTS);
    assertThat(Walked.of(write("a.txt.gz", "plain"), temp).texts())
        .isEqualTo(Map.of("a.txt.gz", "5 bytes"));
    assertThat(Walked.of(write("e.jsonl.gz", ""), temp).rejected().values())
        .containsExactly(Reason.CORRUPT);
    assertThat(Walked.of(write("n.txt.xz", new byte[40]), temp).rejected().values())
        .containsExactly(Reason.CORRUPT);
  }

  @ParameterizedTest
  @ValueSource(strings = {"UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE"})
  void byteOrderMarksTellTheCharset(String charset) throws IOException {
    String text = "größer 😀 ".repeat(3000) + "end";
    byte[] content = ("\uFEFF" + text).getBytes(Charset.forName(charset));
    write("d/a.cs", content);
    write("d/b.txt.gz", compress("gz", content));
    String expected = new String(text.getBytes(UTF_8), ISO_8859_1);
    assertThat(Walked.of(temp.resolve("d"), temp).texts())
        .isEqualTo(Map.of("a.cs", expected, "b.txt.gz", expected));
    byte[] rows = ("\uFEFF" + ROWS).getBytes(Charset.forName(charset));
    assertThat(Walked.of(write("r.json", rows), temp).texts().values())
        .containsExactlyElementsOf(ROW_TEXTS);
    assertThat(reading(temp.resolve("r.json"), true).words())
        .isEqualTo("JSON lines in " + charset.substring(0, 6));
    // What begins so and goes on otherwise.
    byte[] damaged = content.clone();
    damaged[charset.startsWith("UTF-16") ? content.length - 1 : 20_001] = (byte) 0xd8;
    damaged[charset.startsWith("UTF-16") ? content.length - 2 : 20_002] = (byte) 0xd8;
    write("x/a.cs", damaged);
    assertThat(Walked.of(temp.resolve("x"), temp).rejected())
        .isEqualTo(Map.of("a.cs", Reason.CORRUPT));
    write("y/a.bin", new byte[] {content[0], content[1], content[2], content[3], 0, 0, 0, 0});
    assertThat(reading(temp.resolve("y/a.bin"), true).isRaw()).isTrue();
  }

  /// To the byte, with the field `name` that many a package.json has.
  @Test
  void foldersOfSourceCodeStayWhatTheyAre() throws IOException {
    Map<String, String> files =
        new TreeMap<>(
            Map.of(
                "package.json", "{\n  \"name\": \"x\",\n  \"text\": \"y\"\n}\n",
                "small.json", "{\"name\": \"x\", \"text\": \"y\"}",
                "line.json", "{\"text\": \"y\"}\n",
                "one.json", "[{\"text\": \"y\"}]",
                "ids.json", "[{\"id\": 1}, {\"id\": 2}]\n",
                "mixed.json", "[{\"id\": 1}, 2]",
                "log.jsonl", "{\"level\": 1}\n{\"level\": 2}\n",
                "broken.jsonl", "{\"level\": \n",
                "README.md", "[![build](x)](y)\n",
                "Bom.java", "\uFEFFclass Bom {}\r\n"));
    files.put("page.html", "<!doctype html><html>");
    files.put("odd.json", "<!doctype html><html>");
    files.put("PDF.md", "%PDF-1.7 is how such files begin. PAR1 GGUF PK");
    files.put("GGUF.md", "GGUF is a format.");
    files.put("PAR1.txt", "PAR1 is how Parquet begins.");
    files.put("A.java", "{\"text\": 1}\n{\"text\": 2}\n");
    files.put("fake.gz", "no gzip");
    files.put("fake.tar", "no tar");
    for (Map.Entry<String, String> file : files.entrySet()) {
      write("src/" + file.getKey(), file.getValue());
    }
    write("src/latin1.txt", "gr\u00fc\u00df".getBytes(ISO_8859_1));
    files.put("latin1.txt", "gr\u00fc\u00df");
    files.replaceAll((name, text) ->
        name.equals("latin1.txt") ? text : new String(text.getBytes(UTF_8), ISO_8859_1));
    Walked found = Walked.of(temp.resolve("src"), temp);
    assertThat(found.texts()).isEqualTo(files);
    assertThat(found.rejected()).isEmpty();
  }

  @Test
  void whatAFolderHoldsBesidesTextIsNamed() throws IOException {
    write("src/lib/a.jar", zip(DOCUMENTS));
    write("src/b.tar.gz", compress("gz", tar(DOCUMENTS)));
    write("src/logo.png", "\u0089PNG\r\n\u001a\n\0\0\0\rIHDR".getBytes(ISO_8859_1));
    write("src/c.bin", new byte[] {7, 0, 7});
    users("snappy.parquet"); // its columns are others
    Files.move(temp.resolve("users/snappy.parquet"), temp.resolve("src/d.parquet"));
    Map<String, String> why = new TreeMap<>();
    Map<String, String> texts = new TreeMap<>();
    CorpusSource source = Walked.source(temp.resolve("src"));
    Admission all = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    try (DocumentReader reader = Sources.open(source, Sources.state(source), all, temp)) {
      for (Entry entry = reader.next(); entry != null; entry = reader.next()) {
        switch (entry) {
          case Entry.Rejected r -> {
            assertThat(r.reason()).as(r.name()).isEqualTo(Reason.BINARY);
            why.put(r.name(), r.detail());
          }
          case Entry.Text t -> texts.put(t.name(), "");
          case Entry.Streamed s -> texts.put(s.name(), "");
        }
      }
    }
    // The pipeline leaves it out by its NUL byte, as ever.
    assertThat(texts.keySet()).containsExactly("c.bin");
    assertThat(why.get("lib/a.jar"))
        .isEqualTo("zip, an archive in a folder: name it, or a glob, as a source");
    assertThat(why.get("b.tar.gz")).startsWith("tar in gzip, an archive in a folder");
    assertThat(why.get("logo.png")).isEqualTo("a PNG picture");
    assertThat(why.get("d.parquet")).contains("text_field must name a text column");
    assertThat(why).hasSize(4);
    // Whoever keeps binary documents gets them as before.
    InputPolicy d = InputPolicy.DEFAULT;
    InputPolicy keep =
        new InputPolicy(
            d.broken(),
            InputPolicy.Action.KEEP,
            d.invalidUtf8(),
            d.maxRatio(),
            d.maxArchiveBytes(),
            d.maxRowBytes());
    assertThat(Walked.of(source, DocumentFilter.ALL, keep, temp).texts())
        .containsKeys("lib/a.jar", "b.tar.gz", "logo.png", "c.bin");
  }

  private static final Map<String, String> OTHERS =
      Map.of(
          "pointer", "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n",
          "page", "<!DOCTYPE html>\n<html><body>404",
          "lz4", "\u0004\"M\u0018\0\u00ff",
          "7z", "7z\u00bc\u00af'\u001c\0\u00ff",
          "pdf", "%PDF-1.7\n%\u00e2\u00e3\u00cf\u00d3");

  @ParameterizedTest
  @CsvSource({
    "p.parquet, pointer, a Git LFS pointer: run git lfs pull",
    "p.txt, pointer, a Git LFS pointer: run git lfs pull",
    "c4.json.gz, page, an HTML page",
    "rows.jsonl, page, an HTML page",
    "a.zip, page, an HTML page",
    "rows.json, page, an HTML page",
    "a.lz4, lz4, lz4-compressed",
    "a.7z, 7z, a 7z archive",
    "a.pdf, pdf, a PDF document",
    "a.docx, docx, 'an office document or book, a zip'"
  })
  void whatIsNotReadIsRefusedByItsName(String name, String content, String words)
      throws IOException {
    Path file =
        content.equals("docx")
            ? write(name, zip(Map.of("[Content_Types].xml", "<Types/>")))
            : write(name, OTHERS.get(content).getBytes(ISO_8859_1));
    assertThatThrownBy(() -> reading(file, false))
        .isInstanceOf(RejectedException.class)
        .hasMessage(words);
    Walked found = Walked.of(Files.copy(file, temp.resolve("other." + name)), temp);
    assertThat(found.texts()).isEmpty();
    assertThat(found.rejected().values())
        .containsAnyOf(Reason.UNSUPPORTED, Reason.BINARY, Reason.CORRUPT)
        .hasSize(1);
  }

  @Test
  void containersInWhatIsCompressedAreRefused() throws IOException {
    Path zip = write("a.zip.gz", compress("gz", zip(DOCUMENTS)));
    assertThatThrownBy(() -> reading(zip, false)).hasMessage("zip in gzip: unpack it first");
    ByteArrayOutputStream parquet = new ByteArrayOutputStream();
    Files.copy(users("shards/c.parquet"), parquet);
    Path gz = write("c.parquet.gz", compress("gz", parquet.toByteArray()));
    assertThatThrownBy(() -> reading(gz, true)).hasMessage("Parquet in gzip: unpack it first");
  }

  @Test
  void aKeyForcesText() throws IOException {
    byte[] packed = compress("gz", ROWS.getBytes(UTF_8));
    write("d/a.gz", packed);
    write("d/b.jsonl", ROWS);
    assertThat(
            Walked.of(
                    source(temp.resolve("d"), CorpusSource.Format.TEXT),
                    DocumentFilter.ALL,
                    InputPolicy.DEFAULT,
                    temp)
                .texts())
        .isEqualTo(Map.of("a.gz", new String(packed, ISO_8859_1), "b.jsonl", ROWS));
    Path alone = temp.resolve("d/b.jsonl");
    assertThat(
            Walked.of(
                    source(alone, CorpusSource.Format.TEXT),
                    DocumentFilter.ALL,
                    InputPolicy.DEFAULT,
                    temp)
                .texts())
        .isEqualTo(Map.of("b.jsonl", ROWS.length() + " bytes"));
  }

  @Test
  void aFileOfRowsWithoutTheFieldSaysSo() throws IOException {
    String others = "{\"content\": \"a\"}\n{\"content\": \"b\"}\n";
    // Its name promises rows.
    assertThat(Walked.of(write("a.jsonl", others), temp).rejected().values())
        .containsExactly(Reason.MALFORMED_ROW, Reason.MALFORMED_ROW);
    // Nothing but a reader of rows ever unpacked it.
    write("d/a.json.gz", compress("gz", others.getBytes(UTF_8)));
    assertThat(Walked.of(temp.resolve("d"), temp).rejected().values())
        .containsExactly(Reason.MALFORMED_ROW, Reason.MALFORMED_ROW);
    assertThat(Walked.of(write("app.log", others), temp).texts())
        .isEqualTo(Map.of("app.log", others.length() + " bytes"));
    assertThat(readAs(temp.resolve("app.log")))
        .isEqualTo(Map.of("text (JSON lines without the text field)", 1L));
  }

  @Test
  void filtersLookAtShardsOrAtTheNamesOfTheirRows() throws IOException {
    write("d/a.jsonl", ROWS.replace("{", "{\"path\": \"x.py\", "));
    write("d/b.py", "code");
    write("d/c.java", "code");
    DocumentFilter python = new DocumentFilter(List.of(), List.of(), List.of("python"), 1, 100);
    CorpusSource plain = source(temp.resolve("d"), CorpusSource.Format.AUTO);
    Walked unnamed = Walked.of(plain, python, InputPolicy.DEFAULT, temp);
    assertThat(unnamed.texts().keySet()).containsExactly("b.py");
    assertThat(unnamed.rejected())
        .isEqualTo(Map.of("a.jsonl", Reason.FILTERED, "c.java", Reason.FILTERED));
    CorpusSource named = new CorpusSource(plain.path(), OptionalDouble.empty(), "text", "path");
    assertThat(Walked.of(named, python, InputPolicy.DEFAULT, temp).texts().keySet())
        .containsExactly("x.py", "b.py");
  }

  @Test
  void arraysAreCutAtTheirCommas() throws IOException {
    String json =
        """
        \uFEFF[{"text": "a, [b] {c} \\\\ \\" ]", "more": [1, {"x": "]"}]},
         {"text": "b"} , 7, ["text"], {"text": "long %s"}, {"text": 5}, {"text":}, {"text": "last"}]

        """;
    Path file = write("a.json", json.replace("%s", "x".repeat(20_000)));
    InputPolicy d = InputPolicy.DEFAULT;
    InputPolicy shortRows =
        new InputPolicy(
            d.broken(), d.binary(), d.invalidUtf8(), d.maxRatio(), d.maxArchiveBytes(), 10_000);
    Walked found = Walked.of(Walked.source(file), DocumentFilter.ALL, shortRows, temp);
    assertThat(found.texts())
        .isEqualTo(Map.of("a.json:1", "a, [b] {c} \\ \" ]", "a.json:2", "b", "a.json:8", "last"));
    assertThat(found.rejected())
        .isEqualTo(
            Map.of(
                "a.json:3", Reason.MALFORMED_ROW,
                "a.json:4", Reason.MALFORMED_ROW,
                "a.json:5", Reason.ROW_TOO_LONG,
                "a.json:6", Reason.MALFORMED_ROW,
                "a.json:7", Reason.INVALID_JSON));
    Walked cut = Walked.of(write("b.json", "[{\"text\": \"a\"}, {\"text\": \"b"), temp);
    assertThat(cut.texts()).as("a text that only begins as an array").hasSize(1);
    Walked cutLater =
        Walked.of(write("c.json", "[{\"text\": \"a\"}, {\"text\": \"b\"}, {\"te"), temp);
    assertThat(cutLater.texts()).hasSize(2);
    assertThat(cutLater.rejected()).isEqualTo(Map.of("c.json after element 2", Reason.TRUNCATED));
    Walked more = Walked.of(write("d.json", array(ROWS) + "x"), temp);
    assertThat(more.texts()).hasSize(2);
    assertThat(more.rejected()).isEqualTo(Map.of("d.json after element 2", Reason.INVALID_JSON));
  }

  /// A document that is streamed has the length that it said, at every reading.
  @Test
  void largeCompressedTexts() throws IOException {
    Path file = temp.resolve("d/large.txt.gz");
    Files.createDirectories(file.getParent());
    try (OutputStream out = Archives.compressor("gz", Files.newOutputStream(file))) {
      for (int i = 0; i < 700_000; i++) {
        out.write(String.format(java.util.Locale.ROOT, "%8d\n", i).getBytes(UTF_8));
      }
    }
    assertThat(Walked.of(file.getParent(), temp).texts())
        .isEqualTo(Map.of("large.txt.gz", "6300000 bytes"));
  }

  /// What `zstd -D` writes says only that it wants a dictionary: no damage.
  @Test
  void zstdDictionariesAreNamed() throws IOException {
    Path file =
        write(
            "d.txt.zst",
            // A frame whose header names dictionary 7, an empty last block behind it.
            new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 1, 0, 7, 1, 0, 0});
    assertThatThrownBy(() -> reading(file, false))
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining("a zstd dictionary of its own");
    assertThat(Walked.of(file, temp).rejected().values()).containsExactly(Reason.UNSUPPORTED);
  }

  @Test
  void utf16WithoutAMarkIsNamed() throws IOException {
    String text = "größer, 你好 \uD83D\uDE00\r\n\t";
    for (String charset : List.of("UTF-16LE", "UTF-16BE", "UTF-32LE", "UTF-32BE")) {
      Path file = write("t.txt", text.getBytes(java.nio.charset.Charset.forName(charset)));
      assertThatThrownBy(() -> reading(file, false))
          .isInstanceOf(RejectedException.class)
          .hasMessage("a text in " + charset + " without a byte order mark: convert it to UTF-8");
      assertThat(Walked.of(file, temp).rejected().values()).containsExactly(Reason.BINARY);
    }
    Path numbers = write("n.txt", new byte[] {1, 0, 2, 0, 3, 0, 4, 0, 5, 0});
    assertThat(reading(numbers, false).isText()).isTrue();
  }

  @Test
  void limitsOfDecodersAreNamed() throws IOException {
    // The header of a frame with a window of 256 MiB, an empty last block behind it.
    Path window =
        write(
            "w.txt.zst",
            new byte[] {0x28, (byte) 0xb5, 0x2f, (byte) 0xfd, 0, (byte) (18 << 3), 1, 0, 0});
    assertThatThrownBy(() -> reading(window, false))
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining("zstd window is larger than 128 MiB")
        .hasMessageContaining("a window log of 27");
    assertThat(Walked.of(window, temp).rejected().values()).containsExactly(Reason.UNSUPPORTED);
    write("d/w.txt.zst", Files.readAllBytes(window));
    assertThat(Walked.of(temp.resolve("d"), temp).rejected().values())
        .containsAnyOf(Reason.UNSUPPORTED, Reason.BINARY);
    // The header of a block that asks for a dictionary of 512 MiB, with its checksum.
    byte[] xz = compress("xz", "text".getBytes(UTF_8));
    int header = 12;
    int length = (xz[header] + 1) * 4;
    assertThat(xz[header + 2]).as("the filter is LZMA2").isEqualTo((byte) 0x21);
    xz[header + 4] = 34;
    CRC32 crc = new CRC32();
    crc.update(xz, header, length - 4);
    ByteBuffer.wrap(xz)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(header + length - 4, (int) crc.getValue());
    Path dictionary = write("x.txt.xz", xz);
    assertThatThrownBy(() -> reading(dictionary, false))
        .isInstanceOf(RejectedException.class)
        .hasMessageContaining("xz dictionary needs 512 MiB")
        .hasMessageContaining("130 MiB");
  }
}
