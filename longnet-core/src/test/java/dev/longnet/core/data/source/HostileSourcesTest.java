// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.add;
import static dev.longnet.core.data.source.Archives.compress;
import static dev.longnet.core.data.source.Archives.compressor;
import static dev.longnet.core.data.source.Archives.tar;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
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

/// Names that lead outside, links, devices, and archives that expand without end.
@Timeout(60)
class HostileSourcesTest {
  @TempDir Path temp;

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
    Walked found = Walked.of(file, temp);
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
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEqualTo(Map.of("ok", "fine"));
    assertThat(found.rejected().values()).hasSize(4).allMatch(r -> r == Reason.UNSAFE_NAME);
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
    Walked found = Walked.of(temp.resolve("root"), temp);
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

  @ParameterizedTest
  @ValueSource(
      strings = {"b.zip", "b.tar.gz", "b.tar.zst", "b.jsonl.gz", "b.jsonl.xz", "b.txt.bz2"})
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
    } else if (name.matches(".*(xz|bz2)")) {
      // Their compressors are slow; streams may follow one another.
      byte[] stream = compress(name, new byte[4 << 20]);
      try (OutputStream out = Files.newOutputStream(file)) {
        for (int i = 0; i < size >> 22; i++) {
          out.write(stream);
        }
      }
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
    Walked found = Walked.of(file, temp);
    assertThat(found.texts()).isEmpty();
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
    try (var left = Files.list(temp)) {
      assertThat(left.toList()).as("no temporary file is left").containsExactly(file);
    }
  }

  private static void zeros(OutputStream out, int count) throws IOException {
    byte[] block = new byte[1 << 20];
    for (int left = count; left > 0; left -= block.length) {
      out.write(block);
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
    Walked found = Walked.of(CorpusSource.of(file.toString()), DocumentFilter.ALL, tight, temp);
    assertThat(found.texts()).hasSizeBetween(3, 10);
    assertThat(found.rejected().values()).containsExactly(Reason.BOMB);
  }
}
