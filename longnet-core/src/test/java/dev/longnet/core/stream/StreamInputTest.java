// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.config.SequenceRule;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.zip.GZIPOutputStream;
import java.util.zip.ZipEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class StreamInputTest {
  @TempDir Path folder;

  static int[] all(StreamInput input) throws Exception {
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
          assertThat(all(again)).isEqualTo(Arrays.copyOfRange(whole, read, whole.length));
        }
      }
    }
  }

  static final Tokenizer BYTES = Tokenizers.of("bytes");

  /// What a new input says to a place in another, and what it reads from there.
  static int[] goOn(StreamInput.Place place, StreamInput.Extent extent, Path... inputs)
      throws Exception {
    try (StreamInput input = new StreamInput(List.of(inputs), "", BYTES, false)) {
      return input.goOn(place, extent) ? all(input) : null;
    }
  }

  static int[] document(String text) {
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

  private static final List<String> ROWS = List.of("one", "zweite Zeile", "3");

  private static byte[] packed(String text) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
      gzip.write(text.getBytes(StandardCharsets.UTF_8));
    }
    return out.toByteArray();
  }

  private static byte[] rows() throws IOException {
    StringBuilder rows = new StringBuilder();
    ROWS.forEach(row -> rows.append("{\"text\": \"").append(row).append("\"}\n{\"id\": 7}\n"));
    return packed(rows.append("{\"text\": \"\"}\n").toString());
  }

  private static byte[] tar(List<String> texts) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (TarArchiveOutputStream tar = new TarArchiveOutputStream(out)) {
      for (String text : texts) {
        for (String name : List.of("a.txt", "a.md")) {
          byte[] bytes = (name.endsWith("txt") ? text : "no").getBytes(StandardCharsets.UTF_8);
          TarArchiveEntry entry = new TarArchiveEntry(name);
          entry.setSize(bytes.length);
          tar.putArchiveEntry(entry);
          tar.write(bytes);
          tar.closeArchiveEntry();
        }
      }
    }
    return out.toByteArray();
  }

  private static int[] documents(String... texts) {
    IntStream.Builder ids = IntStream.builder();
    for (String text : texts) {
      add(document(text), ids);
    }
    return ids.build().toArray();
  }

  private static int[] begun(int[] documents) {
    return IntStream.concat(IntStream.of(BYTES.endOfText()), IntStream.of(documents)).toArray();
  }

  @Test
  void filesAreReadAsWhatTheyAre() throws Exception {
    String text = "plain text\n".repeat(9);
    Path plain = Files.writeString(folder.resolve("a.txt"), text);
    Path gzip = Files.write(folder.resolve("b.gz"), packed(text));
    Path utf16 =
        Files.write(folder.resolve("c"), ("\uFEFF" + text).getBytes(StandardCharsets.UTF_16LE));
    Path rows = Files.write(folder.resolve("d.json"), rows());
    try (StreamInput input = new StreamInput(List.of(plain, gzip, utf16, rows), "", BYTES, false)) {
      assertThat(all(input))
          .isEqualTo(begun(documents(text, text, text, ROWS.get(0), ROWS.get(1), ROWS.get(2))));
      assertThat(input.bytesRead()).isEqualTo(input.totalBytes()).isEqualTo(3 * text.length() + 16);
      assertThat(input.readAs())
          .isEqualTo(
              Map.of(
                  "text", 1L, "text in gzip", 1L, "text in UTF-16", 1L, "JSON lines in gzip", 1L));
      assertThat(input.leftOut())
          .singleElement()
          .asString()
          .startsWith("3 of " + rows + ", such as d.json:2: rows without the text field");
    }
    try (StreamInput input =
        new StreamInput(
            List.of(gzip),
            "",
            BYTES,
            false,
            List.of(),
            new CorpusSource(
                "x",
                OptionalDouble.empty(),
                "text",
                "",
                CorpusSource.Format.TEXT,
                SequenceRule.AS_WRITTEN),
            InputPolicy.DEFAULT)) {
      assertThat(input.totalBytes()).isEqualTo(Files.size(gzip));
    }
  }

  private static StreamInput fasta(Path file, SequenceRule.Case letters) throws IOException {
    return new StreamInput(
        List.of(file),
        "",
        BYTES,
        false,
        List.of(),
        new CorpusSource(
            "x",
            OptionalDouble.empty(),
            "text",
            "",
            CorpusSource.Format.AUTO,
            new SequenceRule(letters, SequenceRule.Unknown.KEEP)),
        InputPolicy.DEFAULT);
  }

  /// Under another rule they are another input, though as long.
  @Test
  void sequencesAreDocuments() throws Exception {
    Path file = Files.write(folder.resolve("a.fa.gz"), packed(">one\nac\ngt\n>two\nTT\n"));
    try (StreamInput input = fasta(file, SequenceRule.Case.UPPER)) {
      assertThat(all(input)).isEqualTo(begun(documents("ACGT", "TT")));
      assertThat(input.readAs()).isEqualTo(Map.of("FASTA in gzip", 1L));
      try (StreamInput same = fasta(file, SequenceRule.Case.UPPER);
          StreamInput other = fasta(file, SequenceRule.Case.KEEP)) {
        assertThat(same.goOn(input.place(), input.extent())).isTrue();
        assertThat(other.goOn(input.place(), input.extent())).isFalse();
      }
    }
  }

  /// As for a corpus: what no rule tells and has a NUL byte is no text, unless it is asked for.
  @Test
  void binaryFilesAreNoTexts() throws Exception {
    Path binary = Files.write(folder.resolve("a.bin"), new byte[] {'x', 0, 'y'});
    Path gzip = Files.write(folder.resolve("b.gz"), packed("x\0y"));
    for (Path file : List.of(binary, gzip)) {
      assertThatThrownBy(() -> new StreamInput(List.of(file), "", BYTES, false))
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageStartingWith("can't be read: " + file + ": binary, a NUL byte");
    }
    Files.writeString(folder.resolve("c.txt"), "last");
    try (StreamInput input = new StreamInput(List.of(folder), "", BYTES, false)) {
      assertThat(all(input)).isEqualTo(begun(documents("last")));
      assertThat(input.leftOut()).hasSize(2).first().asString().startsWith(binary + ": binary");
    }
    CorpusSource raw =
        new CorpusSource(
            "input",
            OptionalDouble.empty(),
            "text",
            "",
            CorpusSource.Format.TEXT,
            SequenceRule.AS_WRITTEN);
    try (StreamInput input =
        new StreamInput(List.of(binary), "", BYTES, false, List.of(), raw, InputPolicy.DEFAULT)) {
      assertThat(all(input)).isEqualTo(begun(documents("x\0y")));
    }
  }

  @Test
  void foldersHoldShardsAndWhatIsLeftOut() throws Exception {
    Files.write(folder.resolve("a.jsonl.gz"), rows());
    StreamArchiveTest.archive(folder, ZipEntry.STORED, "one.txt");
    Files.writeString(folder.resolve("z.txt"), "last");
    try (StreamInput input = new StreamInput(List.of(folder), "", BYTES, false)) {
      assertThat(all(input)).isEqualTo(begun(documents("one", "zweite Zeile", "3", "last")));
      assertThat(input.leftOut())
          .hasSize(2)
          .anyMatch(
              line -> line.startsWith(folder.resolve("a.zip") + ": zip, an archive in a folder"));
    }
    Path tar = Files.write(folder.resolve("t"), tar(ROWS));
    try (StreamInput input = new StreamInput(List.of(tar), ".txt", BYTES, false)) {
      assertThat(all(input)).isEqualTo(begun(documents("one", "zweite Zeile", "3")));
    }
  }

  @Test
  void whatIsNotReadIsNamed() throws Exception {
    Path pointer =
        Files.writeString(
            folder.resolve("p.txt"), "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
    assertThatThrownBy(() -> new StreamInput(List.of(pointer), "", BYTES, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("can't be read: " + pointer + ": a Git LFS pointer: run git lfs pull");
    byte[] whole = rows();
    Path cut = Files.write(folder.resolve("c.jsonl.gz"), Arrays.copyOf(whole, whole.length - 9));
    assertThatThrownBy(() -> new StreamInput(List.of(cut), "", BYTES, false))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageStartingWith("can't be read: " + cut + ": c.jsonl.gz after line ");
  }

  /// Before each text, and within long ones.
  @ParameterizedTest
  @ValueSource(strings = {"rows", "tar", "text"})
  void placesInFilesOfSeveralTextsAreFoundAgain(String kind) throws Exception {
    String large = "ab c\n".repeat(12_000);
    StringBuilder rows = new StringBuilder();
    for (int i = 0; i < 40; i++) {
      rows.append("{\"text\": \"")
          .append(i % 5 == 0 ? large.strip().replace("\n", "\\n") : "x" + i)
          .append("\"}\n");
    }
    byte[] content =
        switch (kind) {
          case "rows" -> rows.toString().getBytes(StandardCharsets.UTF_8);
          case "tar" -> tar(List.of(large, "small", large, large));
          default -> packed(large.repeat(3));
        };
    Path file = Files.write(folder.resolve("file"), content);
    Path after = Files.writeString(folder.resolve("z"), "after");
    List<Path> inputs = List.of(file, after);
    int[] whole;
    try (StreamInput input = new StreamInput(inputs, "", BYTES, true)) {
      IntStream.Builder ids = IntStream.builder();
      while (input.place().pass() < 2) {
        add(input.next(), ids);
      }
      whole = ids.build().toArray();
    }
    try (StreamInput input = new StreamInput(inputs, "", BYTES, true)) {
      assertThat(whole.length).isGreaterThan(300_000);
      for (int read = 0; read + 100_000 < whole.length; ) {
        read += input.next().length;
        try (StreamInput again = new StreamInput(inputs, "", BYTES, true)) {
          assertThat(again.goOn(input.place(), input.extent())).isTrue();
          int[] next = again.next();
          assertThat(next).isEqualTo(Arrays.copyOfRange(whole, read, read + next.length));
          assertThat(again.bytesRead()).isGreaterThan(input.bytesRead());
        }
      }
      StreamInput.Place place = input.place();
      StreamInput.Extent extent = input.extent();
      Files.write(file, packed("another"));
      assertThat(goOn(place, extent, file, after)).as("another file").isNull();
    }
  }
}
