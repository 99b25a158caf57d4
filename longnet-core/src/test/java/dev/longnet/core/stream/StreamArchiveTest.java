// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static dev.longnet.core.stream.StreamInputTest.BYTES;
import static dev.longnet.core.stream.StreamInputTest.all;
import static dev.longnet.core.stream.StreamInputTest.document;
import static dev.longnet.core.stream.StreamInputTest.goOn;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Zips and tars as a stream's input: which entries are read, which are left out and said, and
/// where a stream goes on.
class StreamArchiveTest {
  @TempDir Path folder;

  /// The first signature of this kind.
  private static int signature(byte[] zip, int signature) {
    int at = 0;
    while (ByteBuffer.wrap(zip).order(ByteOrder.LITTLE_ENDIAN).getInt(at) != signature) {
      at++;
    }
    return at;
  }

  @Test
  void twoEntriesOfOneNameAreNotReadTwice() throws Exception {
    Path zip = archive(folder, ZipEntry.DEFLATED, "x.txt", "y.txt");
    byte[] bytes = Files.readAllBytes(zip);
    int directory = signature(bytes, 0x02014b50);
    bytes[directory + 46] = 'y';
    Files.write(zip, bytes);
    try (StreamInput input = new StreamInput(List.of(zip), "", BYTES, false)) {
      assertThat(input.documents()).isEqualTo(1);
      assertThat(input.leftOut())
          .containsExactly(zip + ": y.txt: another entry has its name, and that one is read");
    }
  }

  /// `name=text`, or a name alone, which the entry then holds.
  static Path archive(Path folder, int method, String... entries) throws Exception {
    Path zip = folder.resolve("a.zip");
    try (ZipOutputStream out = new ZipOutputStream(Files.newOutputStream(zip))) {
      for (String both : entries) {
        String name = both.replaceAll("=.*", "");
        byte[] bytes = both.replaceAll(".*=", "").getBytes(StandardCharsets.UTF_8);
        CRC32 crc = new CRC32();
        crc.update(bytes);
        ZipEntry entry = new ZipEntry(name);
        entry.setMethod(method);
        entry.setSize(bytes.length);
        entry.setCrc(crc.getValue());
        out.putNextEntry(entry);
        out.write(bytes);
        out.closeEntry();
      }
    }
    return zip;
  }

  @Test
  void damagedArchivesAreNamed() throws Exception {
    Path zip = archive(folder, ZipEntry.STORED, "one.txt", "two.txt");
    byte[] whole = Files.readAllBytes(zip);
    // Its name in the second entry's header, then what it holds: the same.
    int at = new String(whole, StandardCharsets.ISO_8859_1).indexOf("two.txt") + "two.txt".length();
    byte[] flipped = whole.clone();
    flipped[at] ^= 1;
    Files.write(zip, flipped);
    try (StreamInput input = new StreamInput(List.of(zip), "", BYTES, false)) {
      assertThatThrownBy(() -> all(input))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessage("damaged archive: " + zip + ": two.txt: its checksum is wrong");
    }
    byte[] encrypted = whole.clone();
    encrypted[signature(whole, 0x02014b50) + 8] |= 1;
    Files.write(zip, encrypted);
    try (StreamInput input = new StreamInput(List.of(zip), "", BYTES, false)) {
      assertThat(all(input))
          .isEqualTo(
              IntStream.concat(IntStream.of(BYTES.endOfText()), Arrays.stream(document("two.txt")))
                  .toArray());
      assertThat(input.leftOut())
          .containsExactly(
              "1 of " + zip + ", such as one.txt: of a kind that is not read (encrypted)");
    }
    Files.write(zip, Arrays.copyOf(whole, whole.length - 30));
    assertThatThrownBy(() -> new StreamInput(List.of(zip), "", BYTES, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("not an archive, or a damaged one: " + zip + ": ");
  }

  /// One entry of a tar that is not read does not cost the others.
  @Test
  void aSparseFileOfATarIsLeftOut() throws Exception {
    Path tar = folder.resolve("a.tar");
    try (TarArchiveOutputStream out = new TarArchiveOutputStream(Files.newOutputStream(tar))) {
      for (String name : List.of("one.txt", "hole.bin", "two.txt")) {
        byte[] text = name.getBytes(StandardCharsets.UTF_8);
        TarArchiveEntry entry = new TarArchiveEntry(name);
        entry.setSize(text.length);
        out.putArchiveEntry(entry);
        out.write(text);
        out.closeArchiveEntry();
      }
    }
    byte[] bytes = Files.readAllBytes(tar);
    sparse(ByteBuffer.wrap(bytes, 1024, 512).slice());
    Files.write(tar, bytes);
    try (StreamInput input = new StreamInput(List.of(tar), "", BYTES, false)) {
      int end = BYTES.endOfText();
      IntStream texts = IntStream.concat(IntStream.of(end), Arrays.stream(document("one.txt")));
      assertThat(all(input))
          .isEqualTo(IntStream.concat(texts, Arrays.stream(document("two.txt"))).toArray());
      assertThat(input.leftOut())
          .containsExactly(
              "1 of " + tar + ", such as hole.bin: of a kind that is not read (a sparse file)");
    }
  }

  /// Makes a file's header in a tar one of GNU's sparse files: 8 bytes without a hole.
  private static void sparse(ByteBuffer header) {
    header.put(156, (byte) 'S').put(257, "ustar  \0".getBytes(StandardCharsets.US_ASCII));
    header.put(345, new byte[512 - 345]);
    byte[] eight = "00000000010\0".getBytes(StandardCharsets.US_ASCII);
    header.put(386, "00000000000\0".getBytes(StandardCharsets.US_ASCII)).put(398, eight);
    header.put(483, eight).put(148, "        ".getBytes(StandardCharsets.US_ASCII));
    int sum = 0;
    for (int i = 0; i < header.capacity(); i++) {
      sum += header.get(i) & 0xff;
    }
    header.put(148, String.format(Locale.ROOT, "%06o\0 ", sum).getBytes(StandardCharsets.US_ASCII));
  }

  /// Entries are known by their checksums.
  @Test
  void goesOnInTheSameArchiveOnly() throws Exception {
    Path zip = archive(folder, ZipEntry.DEFLATED, "one.txt", "two.txt");
    StreamInput.Place place;
    StreamInput.Extent extent;
    try (StreamInput input = new StreamInput(List.of(zip), "", BYTES, false)) {
      all(input);
      place = input.place();
      extent = input.extent();
    }
    assertThat(goOn(place, extent, zip)).isEmpty();
    archive(folder, ZipEntry.DEFLATED, "one.txt", "two.txt", "x.txt");
    assertThat(goOn(place, extent, zip)).isEqualTo(document("x.txt"));
    archive(folder, ZipEntry.DEFLATED, "one.txt", "two.txt=two.TXT");
    assertThat(goOn(place, extent, zip)).isNull();
  }

  @Test
  void archivesRepeat() throws Exception {
    Path zip = archive(folder, ZipEntry.DEFLATED, "x/One.java", "x/readme.md", "x/Two.java");
    Tokenizer tokenizer = Tokenizers.of("bytes");
    try (StreamInput input = new StreamInput(List.of(zip), ".java", tokenizer, true)) {
      assertThat(input.documents()).isEqualTo(2);
      StringBuilder text = new StringBuilder();
      for (int id : input.next()) {
        text.append(id == tokenizer.endOfText() ? '|' : (char) id);
      }
      assertThat(text.toString())
          .startsWith("|x/One.java|x/Two.java|x/One.java|x/Two.java|x/One.java|")
          .hasSizeGreaterThan(16_000);
    }
  }

  /// Such as one whose end was overwritten.
  @Test
  void aZipWithoutADirectoryIsSaid() throws IOException {
    byte[] end = new byte[22];
    ByteBuffer.wrap(end).order(ByteOrder.LITTLE_ENDIAN).putInt(0x06054b50).putInt(12, 60);
    Path zip = Files.write(folder.resolve("cut.zip"), end);
    assertThatThrownBy(() -> new StreamInput(List.of(zip), "", BYTES, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining(zip.toString());
  }
}
