// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.compressor;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;

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
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Truncated and damaged files of every kind: said, and what came before is kept.
@Timeout(60)
class DamagedSourcesTest {
  @TempDir Path temp;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "t.tar",
        "t.tar.gz",
        "t.tar.zst",
        "t.tar.xz",
        "t.jsonl.gz",
        "t.jsonl.zst",
        "t.jsonl.bz2",
        "t.zip"
      })
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
    Walked found = Walked.of(file, temp);
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
  @ValueSource(
      strings = {
        "d.tar.gz",
        "d.tar.zst",
        "d.tar.xz",
        "d.zip",
        "large.zip",
        "d.jsonl.gz",
        "d.jsonl.bz2"
      })
  void damageThatOnlyTheChecksumShowsIsSaid(String name) throws IOException {
    Random random = new Random(5);
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < (name.startsWith("large") ? Entry.WHOLE_BYTES + 10 : 3000); i++) {
      text.append((char) ('!' + random.nextInt(90)));
    }
    String document = text.toString().replace('"', '#').replace('\\', '/');
    byte[] file = damaged(name, document);
    Files.write(temp.resolve(name), file);
    Walked found = Walked.of(temp.resolve(name), temp);
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
              : name.endsWith("zst")
                  ? new ZstdOutputStream(out, 1).setChecksum(true)
                  : compressor(name, out)) {
        stored.write(inside);
      }
    }
    byte[] file = out.toByteArray();
    // Even where the texts are compressed a little, most of their bytes stand for themselves.
    file[file.length / 2] ^= 1;
    return file;
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
        "f.jsonl.xz",
        "f.jsonl.bz2",
        "f.json",
        "snappy.parquet",
        "zstd.parquet"
      })
  void fuzzed(String name) throws IOException {
    byte[] whole;
    if (name.endsWith(".parquet")) {
      try (InputStream in = DamagedSourcesTest.class.getResourceAsStream("/corpora/" + name)) {
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
        Walked.of(
            new CorpusSource(file.toString(), OptionalDouble.empty(), "content", ""),
            DocumentFilter.ALL,
            InputPolicy.DEFAULT,
            temp);
      } catch (IllegalArgumentException e) {
        assertThat(e)
            .as("seed %d", seed)
            .hasMessageContaining("text_field must name a text column");
      } catch (RuntimeException | IOException e) {
        throw new AssertionError(name + " with seed " + seed, e);
      }
    }
  }
}
