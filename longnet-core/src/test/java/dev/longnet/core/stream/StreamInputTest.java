// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamInputTest {
  @TempDir Path folder;

  private static int[] all(StreamInput input) throws Exception {
    IntStream.Builder ids = IntStream.builder();
    for (int[] piece = input.next(); piece.length > 0; piece = input.next()) {
      add(piece, ids);
    }
    return ids.build().toArray();
  }

  private static void add(int[] piece, IntStream.Builder ids) {
    for (int id : piece) {
      ids.add(id);
    }
  }

  /// Text with long runs without line breaks, of white space, of characters of several bytes.
  private static String text(Random random, int length) {
    StringBuilder text = new StringBuilder();
    while (text.length() < length) {
      switch (random.nextInt(6)) {
        case 0 -> text.append("\n\n   ");
        case 1 -> text.append(" int x = ").append(random.nextInt());
        case 2 -> text.append("ü€😀".repeat(random.nextInt(20)));
        case 3 -> text.append("a".repeat(random.nextInt(50)));
        case 4 -> text.append(" ".repeat(random.nextInt(50))).append("\r\n");
        default -> text.append("foo.bar(baz);\n");
      }
    }
    return text.toString();
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base"})
  void piecesAreTheTokensOfWholeDocumentsAndPlacesAreFoundAgain(String name) throws Exception {
    Tokenizer tokenizer = Tokenizers.of(name);
    Random random = new Random(7);
    IntStream.Builder expected = IntStream.builder();
    expected.add(tokenizer.endOfText());
    for (String file : List.of("a.txt", "b.txt", "c.txt")) {
      byte[] bytes =
          text(random, file.equals("b.txt") ? 70_000 : 20_000).getBytes(StandardCharsets.UTF_8);
      Files.write(folder.resolve(file), bytes);
      add(tokenizer.encode(bytes), expected);
      expected.add(tokenizer.endOfText());
    }
    int[] whole = expected.build().toArray();
    try (StreamInput input = new StreamInput(List.of(folder), "", tokenizer, false)) {
      assertThat(all(input)).isEqualTo(whole);
      assertThat(input.bytesRead()).isEqualTo(input.totalBytes());
    }
    try (StreamInput input = new StreamInput(List.of(folder), ".txt", tokenizer, false)) {
      int read = 0;
      for (int[] piece = input.next(); piece.length > 0; piece = input.next()) {
        read += piece.length;
        try (StreamInput again = new StreamInput(List.of(folder), ".txt", tokenizer, false)) {
          assertThat(again.goOn(input.place(), input.extent())).isTrue();
          assertThat(all(again)).isEqualTo(java.util.Arrays.copyOfRange(whole, read, whole.length));
        }
      }
    }
  }

  private static final Tokenizer BYTES = Tokenizers.of("bytes");

  /// What a new input says to a place in another, and what it reads from there.
  private static int[] goOn(StreamInput.Place place, StreamInput.Extent extent, Path... inputs)
      throws Exception {
    try (StreamInput input = new StreamInput(List.of(inputs), "", BYTES, false)) {
      return input.goOn(place, extent) ? all(input) : null;
    }
  }

  private static int[] document(String text) {
    return IntStream.concat(text.chars(), IntStream.of(BYTES.endOfText())).toArray();
  }

  @Test
  void goesOnInAFileThatBeginsWithWhatWasRead() throws Exception {
    String text = text(new Random(3), 100_000).replaceAll("[^\\x00-\\x7f]", "?");
    Path log = Files.writeString(folder.resolve("a.log"), text);
    StreamInput.Place place;
    StreamInput.Extent extent;
    try (StreamInput input = new StreamInput(List.of(log), "", BYTES, false)) {
      input.next();
      place = input.place();
      extent = input.extent();
    }
    int at = (int) place.offset();
    assertThat(at).isBetween(1 << 14, text.length() - 1);
    assertThat(goOn(place, extent, log)).isEqualTo(document(text.substring(at)));
    Files.writeString(log, text + "more");
    assertThat(goOn(place, extent, log))
        .as("grown")
        .isEqualTo(document(text.substring(at) + "more"));
    Files.writeString(log, "X" + text.substring(1));
    assertThat(goOn(place, extent, log)).as("same name and length, another beginning").isNull();
    Files.writeString(log, text.substring(0, at - 1) + "~" + text.substring(at));
    assertThat(goOn(place, extent, log)).as("other text just before the place").isNull();
    Files.writeString(log, text.substring(0, at - 1));
    assertThat(goOn(place, extent, log)).as("cut off before the place").isNull();
    Path other = Files.createDirectory(folder.resolve("other")).resolve("a.log");
    Files.writeString(other, text);
    Files.writeString(log, text);
    assertThat(goOn(place, extent, other)).as("another path").isNull();
    assertThat(goOn(place, extent, log, other))
        .as("more to read")
        .hasSize(2 * (text.length() + 1) - at);
    assertThat(goOn(place, extent, other, log)).isNull();
  }

  /// A piece may begin in one pass and end in the next.
  @Test
  void placesOfRepeatedInputsAreFoundAgain() throws Exception {
    // With its end-of-text token two pieces: the second ends with the pass, the third begins in the
    // next.
    Path text =
        Files.writeString(
            folder.resolve("text"),
            "ab\n".repeat(11_000).substring(0, 2 * DocumentTokens.PIECE - 1));
    try (StreamInput input = new StreamInput(List.of(text), "", BYTES, true)) {
      for (int i = 0; i < 8; i++) {
        StreamInput.Place place = input.place();
        int[] piece = input.next();
        try (StreamInput again = new StreamInput(List.of(text), "", BYTES, true)) {
          assertThat(again.goOn(place, input.extent())).isTrue();
          assertThat(again.next()).isEqualTo(piece);
        }
      }
      assertThat(input.place().pass()).isGreaterThan(2);
    }
  }

  @Test
  void whatAFinishedFileGrewByFollows() throws Exception {
    Path first = Files.writeString(folder.resolve("a.log"), "one\n");
    Path log = Files.writeString(folder.resolve("b.log"), "two\n");
    StreamInput.Place place;
    StreamInput.Extent extent;
    try (StreamInput input = new StreamInput(List.of(first, log), "", BYTES, false)) {
      all(input);
      place = input.place();
      extent = input.extent();
      assertThat(goOn(place, extent, first, log)).isEmpty();
      Files.writeString(log, "two\nthree\n");
      assertThat(goOn(place, extent, first, log)).isEqualTo(document("three\n"));
      Files.writeString(first, "one\nzero\n");
      assertThat(goOn(place, extent, first, log)).as("not the last one").isNull();
    }
    // It may grow while it is read, too.
    try (StreamInput input = new StreamInput(List.of(log), "", BYTES, false)) {
      Files.writeString(log, "two\nthree\nfour\n");
      all(input);
      assertThat(input.bytesRead()).isEqualTo(input.totalBytes()).isEqualTo(15);
      assertThat(goOn(input.place(), input.extent(), log)).isEmpty();
    }
  }

  /// `name=text`, or a name alone, which the entry then holds.
  private Path archive(int method, String... entries) throws Exception {
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
    Path zip = archive(ZipEntry.STORED, "one.txt", "two.txt");
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
    Files.write(zip, java.util.Arrays.copyOf(whole, whole.length - 30));
    assertThatThrownBy(() -> new StreamInput(List.of(zip), "", BYTES, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("not an archive, or a damaged one: " + zip + ": ");
  }

  /// Entries are known by their checksums.
  @Test
  void goesOnInTheSameArchiveOnly() throws Exception {
    Path zip = archive(ZipEntry.DEFLATED, "one.txt", "two.txt");
    StreamInput.Place place;
    StreamInput.Extent extent;
    try (StreamInput input = new StreamInput(List.of(zip), "", BYTES, false)) {
      all(input);
      place = input.place();
      extent = input.extent();
    }
    assertThat(goOn(place, extent, zip)).isEmpty();
    archive(ZipEntry.DEFLATED, "one.txt", "two.txt", "x.txt");
    assertThat(goOn(place, extent, zip)).isEqualTo(document("x.txt"));
    archive(ZipEntry.DEFLATED, "one.txt", "two.txt=two.TXT");
    assertThat(goOn(place, extent, zip)).isNull();
  }

  @Test
  void archivesRepeat() throws Exception {
    Path zip = archive(ZipEntry.DEFLATED, "x/One.java", "x/readme.md", "x/Two.java");
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

  /// A stop anywhere: what is left stands for the bytes that the tokens before it do not.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "t5", "bert", "gpt2"})
  void tokensHaveTheBytesOfTheirText(String name) throws IOException {
    Tokenizer tokenizer = Tokenizers.of("src/test/resources/tokenizers/" + name + ".json");
    String one = "naïve words, 中文 of the text\n\n".repeat(2500);
    Path folder = Files.createDirectories(this.folder.resolve("bytes"));
    Files.writeString(folder.resolve("a"), one);
    Files.writeString(folder.resolve("b"), "short");
    int[] counts = tokenizer.byteCounts(new byte[0], one.getBytes(StandardCharsets.UTF_8));
    try (StreamInput input = new StreamInput(List.of(folder), "", tokenizer, false)) {
      int start = 0;
      int read = 0;
      for (InputTokens tokens = input.nextTokens();
          tokens.ids().length > 0;
          tokens = input.nextTokens()) {
        for (int taken = 0; taken <= tokens.ids().length; taken += 1499) {
          // An end-of-text token begins an input.
          int of = Math.max(0, start + taken - 1);
          if (of < counts.length) {
            assertThat(input.bytesRead() - tokens.bytesFrom(taken, tokenizer))
                .as("%d of %d", taken, tokens.ids().length)
                .isEqualTo(IntStream.of(counts).limit(of).sum());
          }
        }
        read++;
        start += tokens.ids().length;
      }
      assertThat(read).isGreaterThan(1);
      assertThat(input.bytesRead()).isEqualTo(one.getBytes(StandardCharsets.UTF_8).length + 5);
    }
  }
}
