package dev.longnet.lm.inference.stream;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.lm.data.Tokenizer;
import dev.longnet.lm.data.tokenizer.Tokenizers;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
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
      byte[] bytes = text(random, file.equals("b.txt") ? 70_000 : 20_000).getBytes(StandardCharsets.UTF_8);
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
          again.seek(input.place());
          assertThat(all(again)).isEqualTo(java.util.Arrays.copyOfRange(whole, read, whole.length));
          assertThat(again.fingerprint()).isEqualTo(input.fingerprint());
        }
      }
    }
  }

  @Test
  void archivesRepeat() throws Exception {
    Path zip = folder.resolve("a.zip");
    try (var out = new java.util.zip.ZipOutputStream(Files.newOutputStream(zip))) {
      for (String entry : List.of("x/One.java", "x/readme.md", "x/Two.java")) {
        out.putNextEntry(new java.util.zip.ZipEntry(entry));
        out.write(entry.getBytes(StandardCharsets.UTF_8));
        out.closeEntry();
      }
    }
    Tokenizer tokenizer = Tokenizers.of("bytes");
    try (StreamInput input = new StreamInput(List.of(zip), ".java", tokenizer, true)) {
      assertThat(input.documents()).isEqualTo(2);
      StringBuilder text = new StringBuilder();
      for (int id : input.next()) {
        text.append(id == tokenizer.endOfText() ? '|' : (char) id);
      }
      assertThat(text.toString()).startsWith("|x/One.java|x/Two.java|x/One.java|x/Two.java|x/One.java|").hasSizeGreaterThan(16_000);
    }
  }
}
