package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.add;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.compressor;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.github.luben.zstd.ZstdOutputStream;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.TreeMap;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.commons.compress.archivers.tar.TarConstants;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class SourcesTest {
  @TempDir Path temp;

  private Walked walk(Path path) throws IOException {
    return Walked.of(path, temp);
  }

  private Walked walk(CorpusSource source, InputPolicy policy) throws IOException {
    return Walked.of(source, DocumentFilter.ALL, policy, temp);
  }

  @ParameterizedTest
  @ValueSource(strings = {"c.zip", "c.jar", "c.tar", "c.tar.gz", "c.tgz", "c.tar.zst"})
  void archivesGiveTheirDocuments(String name) throws IOException {
    Path file = temp.resolve(name);
    if (name.endsWith("zip") || name.endsWith("jar")) {
      Files.write(file, zip(DOCUMENTS));
    } else {
      Files.write(file, compress(name, tar(new TreeMap<>(DOCUMENTS))));
    }
    Walked found = walk(file);
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
        walk(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path"),
            InputPolicy.DEFAULT);
    assertThat(found.texts())
        .isEqualTo(
            Map.of("a/A.java", latin1OfUtf8("first é"), name + ":8", "last, without a newline"));
    assertThat(found.rejected())
        .isEqualTo(
            Map.of(
                name + ":3", Reason.MALFORMED_ROW,
                name + ":4", Reason.MALFORMED_ROW,
                name + ":5", Reason.MALFORMED_ROW,
                name + ":6", Reason.MALFORMED_ROW,
                name + ":7", Reason.MALFORMED_ROW));
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
    Walked found = walk(file);
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
        walk(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", "path"),
            InputPolicy.DEFAULT);
    assertThat(found.texts())
        .isEqualTo(Map.of("a/A.java", "class A {}", "b/B.py", latin1OfUtf8("# é 🙂\n")));
    assertThat(found.rejected()).isEqualTo(Map.of("c", Reason.MALFORMED_ROW));
    assertThatThrownBy(() -> walk(file))
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
    assertThat(walk(temp.resolve("d/**/*.{jsonl*,zip,txt}")).texts())
        .isEqualTo(
            Map.of("1.jsonl:1", "one", "2.jsonl.gz:1", "two", "z", "three", "e/4.txt", "four"));
  }

  @Test
  void hostileNamesLinksAndDevicesInATar() throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(bytes)) {
      add(tar, "ok", "fine");
      add(tar, "../../etc/cron.d/x", "evil");
      for (byte type :
          new byte[] {
            TarConstants.LF_SYMLINK, TarConstants.LF_LINK, TarConstants.LF_CHR, TarConstants.LF_FIFO
          }) {
        TarArchiveEntry link = new TarArchiveEntry("type" + (char) type, type);
        link.setLinkName("/etc/passwd");
        tar.putArchiveEntry(link);
        tar.closeArchiveEntry();
      }
      TarArchiveEntry absolute = new TarArchiveEntry("/etc/shadow", true);
      absolute.setSize(1);
      tar.putArchiveEntry(absolute);
      tar.write('x');
      tar.closeArchiveEntry();
      add(tar, "last", "fine too");
    }
    Path file = temp.resolve("evil.tar");
    Files.write(file, bytes.toByteArray());
    Walked found = walk(file);
    assertThat(found.texts()).isEqualTo(Map.of("ok", "fine", "last", "fine too"));
    assertThat(found.rejected())
        .isEqualTo(
            Map.of(
                "../../etc/cron.d/x", Reason.UNSAFE_NAME,
                "/etc/shadow", Reason.UNSAFE_NAME,
                "type1", Reason.LINK,
                "type2", Reason.LINK,
                "type3", Reason.NOT_A_FILE,
                "type6", Reason.NOT_A_FILE));
  }

  @Test
  void hostileNamesInAZip() throws IOException {
    Path file = temp.resolve("evil.zip");
    Files.write(
        file,
        zip(
            Map.of(
                "../x", "evil", "C:\\x", "evil", "/x", "evil", "a/../../x", "evil", "ok", "fine")));
    Walked found = walk(file);
    assertThat(found.texts()).isEqualTo(Map.of("ok", "fine"));
    assertThat(found.rejected().values()).hasSize(4).allMatch(r -> r == Reason.UNSAFE_NAME);
  }

  @ParameterizedTest
  @ValueSource(strings = {"b.zip", "b.tar.gz", "b.tar.zst", "b.jsonl.gz"})
  void bombsAreStopped(String name) throws IOException {
    Path file = temp.resolve(name);
    int size = 300 << 20;
    if (name.endsWith(".zip")) {
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
        zip.putNextEntry(new ZipEntry("zeros"));
        zeros(zip, size);
      }
      Files.write(file, bytes.toByteArray());
    } else {
      try (OutputStream out = compressor(name, Files.newOutputStream(file))) {
        if (name.contains("tar")) {
          TarArchiveOutputStream tar = new TarArchiveOutputStream(out);
          TarArchiveEntry entry = new TarArchiveEntry("zeros");
          entry.setSize(size);
          tar.putArchiveEntry(entry);
          zeros(tar, size);
          tar.closeArchiveEntry();
          tar.close();
        } else {
          zeros(out, size);
        }
      }
    }
    assertThat(Files.size(file)).isLessThan(1 << 20);
    Walked found = walk(file);
    assertThat(found.texts()).isEmpty();
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
    try (var left = Files.list(temp)) {
      assertThat(left.toList()).as("no temporary file is left").containsExactly(file);
    }
  }

  @Test
  void archivesThatExpandTooFarInAll() throws IOException {
    Path file = temp.resolve("many.zip");
    Map<String, String> many = new TreeMap<>();
    Random random = new Random(1);
    for (int i = 0; i < 20; i++) {
      byte[] noise = new byte[10_000];
      random.nextBytes(noise);
      many.put("f" + (10 + i), new String(noise, StandardCharsets.ISO_8859_1));
    }
    Files.write(file, zip(many));
    InputPolicy d = InputPolicy.DEFAULT;
    InputPolicy tight =
        new InputPolicy(d.broken(), d.binary(), d.invalidUtf8(), 200, 100_000, d.maxRowBytes());
    Walked found = walk(CorpusSource.of(file.toString()), tight);
    assertThat(found.texts()).hasSizeBetween(3, 10);
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
  }

  @ParameterizedTest
  @ValueSource(strings = {"t.tar", "t.tar.gz", "t.tar.zst", "t.jsonl.gz", "t.jsonl.zst", "t.zip"})
  void truncatedFilesSaySo(String name) throws IOException {
    Random random = new Random(3);
    Map<String, String> documents = new TreeMap<>();
    for (int i = 0; i < 400; i++) {
      byte[] noise = new byte[2000];
      random.nextBytes(noise);
      documents.put("f" + (100 + i), HexFormat.of().formatHex(noise));
    }
    byte[] whole;
    if (name.endsWith("zip")) {
      whole = zip(documents);
    } else if (name.contains("tar")) {
      whole = compress(name, tar(documents));
    } else {
      StringBuilder rows = new StringBuilder();
      documents.values().forEach(d -> rows.append("{\"text\": \"").append(d).append("\"}\n"));
      whole = compress(name, rows.toString().getBytes(StandardCharsets.UTF_8));
    }
    Path file = temp.resolve(name);
    Files.write(file, Arrays.copyOf(whole, whole.length / 2));
    Walked found = walk(file);
    assertThat(found.rejected().values())
        .containsAnyOf(Reason.TRUNCATED, Reason.CORRUPT)
        .as("one line about it")
        .hasSize(1);
    if (!name.endsWith("zip")) {
      assertThat(found.texts()).as("what came before is kept").hasSizeBetween(150, 210);
    }
  }

  /// One byte of a text is another: only the checksum knows.
  @ParameterizedTest
  @ValueSource(strings = {"d.tar.gz", "d.tar.zst", "d.zip", "large.zip", "d.jsonl.gz"})
  void damageThatOnlyTheChecksumShowsIsSaid(String name) throws IOException {
    Random random = new Random(5);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < (name.startsWith("large") ? Entry.WHOLE_BYTES + 10 : 3000); i++) {
      text.append((char) ('!' + random.nextInt(90)));
    }
    String document = text.toString().replace('"', '#').replace('\\', '/');
    byte[] file = damaged(name, document);
    Files.write(temp.resolve(name), file);
    Walked found = walk(temp.resolve(name));
    if (name.endsWith("zip")) {
      assertThat(found.texts()).isEmpty();
      assertThat(found.rejected()).containsOnlyKeys("f");
    } else {
      assertThat(found.rejected()).hasSize(1).containsValue(Reason.CORRUPT);
    }
  }

  /// A file with a document in it, stored as it is, one byte of it flipped.
  private static byte[] damaged(String name, String document) throws IOException {
    byte[] text = document.getBytes(StandardCharsets.UTF_8);
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    if (name.endsWith("zip")) {
      try (ZipOutputStream zip = new ZipOutputStream(out)) {
        zip.setLevel(0);
        zip.putNextEntry(new ZipEntry("f"));
        zip.write(text);
      }
    } else {
      byte[] inside =
          name.contains("tar")
              ? tar(Map.of("f", document))
              : ("{\"text\":\"" + document + "\"}\n").getBytes(StandardCharsets.UTF_8);
      try (OutputStream stored =
          name.endsWith("gz")
              ? new GZIPOutputStream(out) {
                {
                  def.setLevel(0);
                }
              }
              : new ZstdOutputStream(out, 1).setChecksum(true)) {
        stored.write(inside);
      }
    }
    byte[] file = out.toByteArray();
    // Even where the texts are compressed a little, most of their bytes stand for themselves.
    file[file.length / 2] ^= 1;
    return file;
  }

  @Test
  void linksAndDevicesInADirectory() throws Exception {
    Path root = Files.createDirectories(temp.resolve("root/sub"));
    Path outside = Files.createDirectories(temp.resolve("outside"));
    Files.writeString(outside.resolve("o"), "outside");
    Files.writeString(root.resolve("f"), "inside");
    Files.createSymbolicLink(root.resolve("loop"), temp.resolve("root"));
    Files.createSymbolicLink(root.resolve("up"), Path.of("/"));
    Files.createSymbolicLink(root.resolve("gone"), temp.resolve("nowhere"));
    Files.createSymbolicLink(root.resolve("self"), root.resolve("self"));
    Files.createSymbolicLink(root.resolve("zero"), Path.of("/dev/zero"));
    Files.createSymbolicLink(root.resolve("tofile"), outside.resolve("o"));
    Files.createSymbolicLink(temp.resolve("root/x"), outside);
    Files.createSymbolicLink(temp.resolve("root/y"), outside);
    Files.createSymbolicLink(outside.resolve("back"), outside);
    Process fifo =
        new ProcessBuilder("mkfifo", root.resolve("pipe").toString()).inheritIO().start();
    assertThat(fifo.waitFor()).isZero();
    Walked found = walk(temp.resolve("root"));
    // Whoever cleans up the temporary directory shall not meet links that lead to / and /dev.
    Files.delete(root.resolve("up"));
    Files.delete(root.resolve("zero"));
    assertThat(found.texts())
        .isEqualTo(Map.of("sub/f", "inside", "sub/tofile", "outside", "x/o", "outside"));
    assertThat(found.rejected())
        .isEqualTo(
            Map.of(
                "sub/loop", Reason.LINK,
                "sub/up", Reason.LINK,
                "sub/gone", Reason.LINK,
                "sub/self", Reason.UNREADABLE,
                "sub/zero", Reason.NOT_A_FILE,
                "sub/pipe", Reason.NOT_A_FILE,
                "y", Reason.LINK,
                "x/back", Reason.LINK));
  }

  /// Random damage to every kind of file: entries, rejections or the user's error, never anything
  /// else, never a hang.
  @ParameterizedTest
  @ValueSource(
      strings = {
        "f.zip",
        "f.tar",
        "f.tar.gz",
        "f.tar.zst",
        "f.jsonl",
        "f.jsonl.gz",
        "snappy.parquet",
        "zstd.parquet"
      })
  void fuzzed(String name) throws IOException {
    byte[] whole;
    if (name.endsWith(".parquet")) {
      try (InputStream in = SourcesTest.class.getResourceAsStream("/corpora/" + name)) {
        whole = in.readAllBytes();
      }
    } else if (name.endsWith("zip")) {
      whole = zip(DOCUMENTS);
    } else if (name.contains("tar")) {
      whole = compress(name, tar(DOCUMENTS));
    } else {
      whole =
          compress(
              name,
              "{\"text\": \"one\", \"content\": \"two\"}\n"
                  .repeat(20)
                  .getBytes(StandardCharsets.UTF_8));
    }
    Path file = temp.resolve(name);
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      byte[] bad = whole.clone();
      for (int i = 0; i <= random.nextInt(6); i++) {
        bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
      }
      if (random.nextInt(4) == 0) {
        bad = Arrays.copyOf(bad, random.nextInt(bad.length));
      }
      Files.write(file, bad);
      try {
        walk(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", ""),
            InputPolicy.DEFAULT);
      } catch (IllegalArgumentException e) {
        assertThat(e)
            .as("seed %d", seed)
            .hasMessageContaining("text_field must name a text column");
      } catch (RuntimeException | IOException e) {
        throw new AssertionError(name + " with seed " + seed, e);
      }
    }
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

  private static void zeros(OutputStream out, int count) throws IOException {
    byte[] block = new byte[1 << 20];
    for (int left = count; left > 0; left -= block.length) {
      out.write(block);
    }
  }
}
