// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.tokenizer;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.longnet.core.data.Digests;
import dev.longnet.core.data.TextCuts;
import dev.longnet.core.data.TextDecoder;
import dev.longnet.core.data.TextPieces;
import dev.longnet.core.data.Tokenizer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/// Ids, decoded text and bytes as Hugging Face's own library gives them, for the tokenizer kinds of
/// the field (`tokenizers/make.py` in the test resources).
class GoldenTokenizersTest {
  private static final Path FOLDER = Path.of("src/test/resources/tokenizers");
  private static final List<String> BETWEEN = List.of("\n", " ", "", "\n\n", " \n", ". ");

  private static JsonNode golden() throws IOException {
    return new ObjectMapper().readTree(FOLDER.resolve("golden.json").toFile());
  }

  static Stream<String> names() throws IOException {
    return golden().propertyStream().map(e -> e.getKey());
  }

  private static Tokenizer tokenizer(String name) {
    return Tokenizers.of(FOLDER.resolve(name + ".json").toString());
  }

  private static byte[] utf8(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  private static int[] numbers(JsonNode array) {
    return StreamSupport.stream(array.spliterator(), false).mapToInt(JsonNode::asInt).toArray();
  }

  @ParameterizedTest
  @MethodSource("names")
  void idsTextsAndBytesAreTheLibrarys(String name) throws IOException {
    Tokenizer tokenizer = tokenizer(name);
    for (JsonNode one : golden().path(name).path("cases")) {
      String text = one.path("text").asText();
      int[] ids = tokenizer.encode(utf8(text));
      assertThat(ids).as("ids of %s", text).isEqualTo(numbers(one.path("ids")));
      assertThat(new String(tokenizer.decode(ids), StandardCharsets.UTF_8))
          .as("text of %s", text)
          .isEqualTo(one.path("decoded").asText());
      assertThat(tokenizer.byteCounts(new byte[0], utf8(text)))
          .as("bytes of %s", text)
          .isEqualTo(numbers(one.path("bytes")));
      assertThat(oneByOne(tokenizer, ids)).as(text).isEqualTo(tokenizer.decode(ids));
    }
  }

  private static byte[] oneByOne(Tokenizer tokenizer, int[] ids) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    TextDecoder decoder = tokenizer.newDecoder();
    for (int id : ids) {
      out.writeBytes(decoder.next(id));
    }
    return out.toByteArray();
  }

  /// Any ids, not only those of a text.
  @ParameterizedTest
  @MethodSource("names")
  void idsOneByOneGiveTheTextOfAll(String name) {
    Tokenizer tokenizer = tokenizer(name);
    for (long seed = 0; seed < 200; seed++) {
      int[] ids = new Random(seed).ints(12, 0, tokenizer.vocabularySize()).toArray();
      assertThat(oneByOne(tokenizer, ids)).as("seed %d", seed).isEqualTo(tokenizer.decode(ids));
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void piecesOfALongTextHaveTheIdsOfTheWhole(String name) throws IOException {
    Tokenizer tokenizer = tokenizer(name);
    byte[] text = utf8(longText());
    int[] whole = tokenizer.encode(text);
    JsonNode expected = golden().path(name).path("long");
    assertThat(whole).hasSize(expected.path("ids").asInt());
    assertThat(sha(littleEndian(whole))).isEqualTo(expected.path("sha256").asText());
    // The library takes the text <0xE4> for that byte there, and replaces the characters beside it.
    if (!name.equals("unigram-bytes")) {
      assertThat(sha(tokenizer.decode(whole))).isEqualTo(expected.path("decoded").asText());
    }
    IntStream.Builder pieces = IntStream.builder();
    int bytes = 0;
    int count = 0;
    try (TextPieces in =
        new TextPieces(new ByteArrayInputStream(text), tokenizer.cuts(), new byte[0])) {
      for (TextPieces.Piece piece = in.next(); piece != null; piece = in.next()) {
        count++;
        bytes += piece.text().length;
        IntStream.of(tokenizer.encode(piece.before(), piece.text())).forEach(pieces::add);
        assertThat(IntStream.of(tokenizer.byteCounts(piece.before(), piece.text())).sum())
            .isLessThanOrEqualTo(piece.text().length)
            .isGreaterThanOrEqualTo(piece.text().length - 20);
      }
    }
    assertThat(pieces.build().toArray()).isEqualTo(whole);
    assertThat(bytes).isEqualTo(text.length);
    if (tokenizer.cuts() != TextCuts.NOWHERE) {
      assertThat(count).as("pieces of %d bytes", bytes).isGreaterThan(2);
    }
  }

  /// Every place where a text may be cut, in texts of many scripts and shapes.
  @ParameterizedTest
  @MethodSource("names")
  void aTextHasItsIdsWhereverItIsCut(String name) throws IOException {
    Tokenizer tokenizer = tokenizer(name);
    int cuts = 0;
    for (long seed = 0; seed < 60; seed++) {
      Random random = new Random(seed);
      byte[] text = utf8(seed % 2 == 0 ? RandomText.text(random, 25) : mixed(random));
      int[] whole = tokenizer.encode(text);
      for (int i = 1; i < text.length; i++) {
        if (tokenizer.cuts().at(text, text.length, i)) {
          cuts++;
          byte[] head = Arrays.copyOf(text, i);
          byte[] before = TextPieces.Piece.lastCharacter(new byte[0], head);
          int[] tail = tokenizer.encode(before, Arrays.copyOfRange(text, i, text.length));
          assertThat(IntStream.concat(IntStream.of(tokenizer.encode(head)), IntStream.of(tail)))
              .as("seed %d, at byte %d", seed, i)
              .containsExactly(IntStream.of(whole).boxed().toArray(Integer[]::new));
        }
      }
    }
    if (tokenizer.cuts() != TextCuts.NOWHERE) {
      assertThat(cuts).isGreaterThan(150);
    } else {
      assertThat(name).isEqualTo("unigram-whole");
    }
  }

  private static String mixed(Random random) throws IOException {
    JsonNode cases = golden().path("gpt2").path("cases");
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < 8; i++) {
      text.append(cases.get(random.nextInt(cases.size())).path("text").asText())
          .append(BETWEEN.get(random.nextInt(BETWEEN.size())));
    }
    return text.toString();
  }

  /// As in `make.py`.
  private static String longText() throws IOException {
    List<String> texts =
        StreamSupport.stream(golden().path("gpt2").path("cases").spliterator(), false)
            .map(c -> c.path("text").asText())
            .limit(34)
            .toList();
    StringBuilder text = new StringBuilder();
    for (int i = 0; text.codePointCount(0, text.length()) < 60_000; i++) {
      text.append(texts.get((i * 7 + i / 31) % texts.size()))
          .append(BETWEEN.get((i * 5 + i / 11) % BETWEEN.size()));
    }
    return text.toString();
  }

  private static byte[] littleEndian(int[] ids) {
    ByteBuffer out = ByteBuffer.allocate(4 * ids.length).order(ByteOrder.LITTLE_ENDIAN);
    out.asIntBuffer().put(ids);
    return out.array();
  }

  private static String sha(byte[] bytes) {
    return HexFormat.of().formatHex(Digests.sha256().digest(bytes));
  }
}
