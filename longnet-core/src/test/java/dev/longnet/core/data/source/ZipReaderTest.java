// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.source;

import static dev.longnet.core.data.source.Archives.DOCUMENTS;
import static dev.longnet.core.data.source.Archives.zip;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.InputPolicy;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZipReaderTest {
  private static final int DIRECTORY_ENTRY = 0x02014b50;
  private static final int END = 0x06054b50;

  @TempDir Path temp;

  private Walked walk(byte[] zip) throws IOException {
    return Walked.of(Files.write(temp.resolve("z.zip"), zip), temp);
  }

  private static byte[] documents() throws IOException {
    return zip(new TreeMap<>(DOCUMENTS));
  }

  /// Where the n-th record with this signature is.
  private static int find(byte[] zip, int signature, int n) {
    ByteBuffer buffer = ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN);
    for (int i = 0; i <= zip.length - 4; i++) {
      if (buffer.getInt(i) == signature && n-- == 0) {
        return i;
      }
    }
    throw new AssertionError("no such record");
  }

  @Test
  void oneEncryptedEntryLeavesTheOthers() throws IOException {
    byte[] zip = documents();
    zip[find(zip, DIRECTORY_ENTRY, 1) + 8] |= 1;
    Walked found = walk(zip);
    assertThat(found.texts())
        .isEqualTo(Map.of("src/a/A.java", "class A {}", "src/b/C.java", "class C {}"));
    assertThat(found.rejected()).isEqualTo(Map.of("src/a/B.java", Reason.UNSUPPORTED));
  }

  @Test
  void oneUnknownMethodLeavesTheOthers() throws IOException {
    byte[] zip = documents();
    zip[find(zip, DIRECTORY_ENTRY, 0) + 10] = 9;
    Walked found = walk(zip);
    assertThat(found.texts())
        .isEqualTo(Map.of("src/a/B.java", "class B {}", "src/b/C.java", "class C {}"));
    assertThat(found.rejected()).isEqualTo(Map.of("src/a/A.java", Reason.UNSUPPORTED));
  }

  /// Python appends a second entry of a name; the JDK finds the last one by it.
  @Test
  void twoEntriesOfOneName() throws IOException {
    byte[] zip = zip(new TreeMap<>(Map.of("a.txt", "first", "b.txt", "second and last")));
    for (int at : new int[] {find(zip, 0x04034b50, 1) + 30, find(zip, DIRECTORY_ENTRY, 1) + 46}) {
      zip[at] = 'a';
    }
    Walked found = walk(zip);
    assertThat(found.texts()).isEqualTo(Map.of("a.txt", "second and last"));
    assertThat(found.rejected()).isEqualTo(Map.of("a.txt", Reason.UNREADABLE));
  }

  @Test
  void namesMayBeInAnyEncoding() throws IOException {
    byte[] zip = documents();
    int entry = find(zip, DIRECTORY_ENTRY, 1);
    zip[entry + 9] &= ~8; // the flag that its name is UTF-8
    zip[entry + 46 + 6] = (byte) 0xe9;
    Walked found = walk(zip);
    assertThat(found.texts())
        .isEqualTo(
            Map.of(
                "src/a/A.java",
                "class A {}",
                "src/a/\u00e9.java",
                "class B {}",
                "src/b/C.java",
                "class C {}"));
    assertThat(found.rejected()).isEmpty();
  }

  @Test
  void aDirectoryWithContentIsSaid() throws IOException {
    byte[] zip = documents();
    int entry = find(zip, DIRECTORY_ENTRY, 0);
    zip[entry + 46 + 11] = '/';
    Walked found = walk(zip);
    assertThat(found.texts()).hasSize(2);
    assertThat(found.rejected()).isEqualTo(Map.of("src/a/A.jav/", Reason.CORRUPT));
  }

  /// A damaged length makes one entry of the directory swallow the next as its comment.
  @Test
  void entriesThatTheDirectoryLacksAreSaid() throws IOException {
    byte[] zip = documents();
    int first = find(zip, DIRECTORY_ENTRY, 0);
    zip[first + 32] = (byte) (find(zip, DIRECTORY_ENTRY, 2) - find(zip, DIRECTORY_ENTRY, 1));
    Walked found = walk(zip);
    assertThat(found.texts()).hasSize(2);
    assertThat(found.rejected()).isEqualTo(Map.of("z.zip", Reason.CORRUPT));
  }

  /// The JDK takes as much memory as the end record says. It may say so as zip64, or behind a
  /// comment that looks like another end record.
  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void hugeDirectoriesAreRefused(boolean zip64) throws IOException {
    long size = 90L << 20;
    ByteBuffer tail = ByteBuffer.allocate(300).order(ByteOrder.LITTLE_ENDIAN);
    if (zip64) {
      tail.putInt(0x06064b50)
          .putLong(44)
          .putInt(0)
          .putLong(0)
          .putLong(1)
          .putLong(1)
          .putLong(size)
          .putLong(0);
      tail.putInt(0x07064b50).putInt(0).putLong(size).putInt(1);
    }
    int claimed = zip64 ? -1 : (int) size;
    byte[] comment = new byte[40];
    ByteBuffer.wrap(comment)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putInt(END)
        .putLong(0)
        .putInt(46)
        .putInt(0)
        .putShort((short) 99);
    tail.putInt(END).putInt(0).putShort((short) 1).putShort((short) 1).putInt(claimed).putInt(0);
    tail.putShort((short) comment.length).put(comment);
    Path file = temp.resolve("huge.zip");
    try (RandomAccessFile out = new RandomAccessFile(file.toFile(), "rw")) {
      out.setLength(size);
      out.seek(size);
      out.write(tail.array(), 0, tail.position());
    }
    assertThat(Walked.of(file, temp).rejected()).isEqualTo(Map.of("huge.zip", Reason.BOMB));
  }

  @Test
  void commentsAndPrefixesDoNoHarm() throws IOException {
    byte[] zip = documents();
    byte[] comment = "PK\5\6 is no end record at all".getBytes(StandardCharsets.ISO_8859_1);
    zip[zip.length - 2] = (byte) comment.length;
    assertThat(walk(Archives.join(zip, comment)).texts()).isEqualTo(DOCUMENTS);
    assertThat(
            walk(Archives.join("#!/bin/sh\n".getBytes(StandardCharsets.UTF_8), zip, comment))
                .texts())
        .isEqualTo(DOCUMENTS);
  }

  /// A run that goes on counts entries without loading them.
  @Test
  void archivesPassedOverAreClosed() throws IOException {
    Path descriptors = Path.of("/proc/self/fd");
    assumeTrue(Files.isDirectory(descriptors));
    for (int i = 0; i < 5; i++) {
      Files.write(temp.resolve(i + ".zip"), documents());
    }
    CorpusSource source = Walked.source(temp.resolve("*.zip"));
    Admission admission = new Admission(DocumentFilter.ALL, InputPolicy.DEFAULT);
    try (DocumentReader reader = Sources.open(source, Sources.state(source), admission, temp)) {
      for (int i = 0; i < 14; i++) {
        ((Entry.Text) reader.next()).loader().discard();
      }
      assertThat(openFiles(descriptors)).isEqualTo(1);
      Entry.Loaded last = ((Entry.Text) reader.next()).loader().load();
      assertThat(last.name()).isEqualTo("src/b/C.java");
    }
    assertThat(openFiles(descriptors)).isZero();
  }

  private long openFiles(Path descriptors) throws IOException {
    try (Stream<Path> links = Files.list(descriptors)) {
      return links.filter(this::isInTemp).count();
    }
  }

  private boolean isInTemp(Path link) {
    try {
      return Files.readSymbolicLink(link).startsWith(temp.toRealPath());
    } catch (IOException e) {
      return false; // closed meanwhile
    }
  }
}
