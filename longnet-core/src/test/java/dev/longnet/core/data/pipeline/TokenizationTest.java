// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static dev.longnet.core.data.pipeline.TestCorpus.ids;
import static dev.longnet.core.data.pipeline.TestCorpus.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.data.TokenDocument;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.RandomText;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.io.EnvironmentException;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Documents become shards, and come back from them.
class TokenizationTest {
  private final Path temp;
  private final TestCorpus corpus;

  TokenizationTest(@TempDir Path temp) {
    this.temp = temp;
    this.corpus = new TestCorpus(temp);
  }

  @ParameterizedTest
  @ValueSource(strings = {"bytes", "cl100k_base"})
  void everyDocumentComesBackFromTheShards(String tokenizer) throws IOException {
    Map<String, byte[]> files = corpus.writeFiles(200, 1);
    CorpusConfig config = corpus.config(tokenizer, 0.2, Duplicates.NONE);
    try (TokenShards shards = corpus.prepare(config, "out", 20_000)) {
      Map<String, byte[]> found = new TreeMap<>();
      Tokenizer t = Tokenizers.of(tokenizer);
      for (TokenSplit split : List.of(shards.train(), shards.validation())) {
        long end = 0;
        for (long i = 0; i < split.documents(); i++) {
          TokenDocument d = split.document(i);
          assertThat(d.firstToken()).isEqualTo(end);
          end += d.tokens();
          int[] ids = ids(split, d.firstToken(), (int) d.tokens());
          assertThat(ids[ids.length - 1]).isEqualTo(t.endOfText());
          byte[] bytes = t.decode(ids);
          assertThat(d.bytes()).isEqualTo(bytes.length);
          found.put(d.name(), bytes);
        }
        assertThat(end).isEqualTo(split.size());
      }
      assertThat(found.keySet()).isEqualTo(files.keySet());
      found.forEach((name, bytes) -> assertThat(bytes).as(name).isEqualTo(files.get(name)));
      assertThat(shards.validation().documents()).isBetween(15L, 80L);
      for (long i = 0; i < shards.validation().documents(); i++) {
        assertThat(shards.validation().text(i))
            .isEqualTo(files.get(shards.validation().document(i).name()));
      }
      assertThat(shards.verify()).isEmpty();
      assertThat(shards.manifest().shards()).hasSizeGreaterThan(4);
    }
  }

  @Test
  void filesOfAPackageStayTogether() throws IOException {
    for (String name :
        List.of("b/Z.java", "b/c/A.java", "b/A.java", "a/X.java", "b/c/B.java", "T.java")) {
      corpus.write(name, name);
    }
    try (TokenShards shards =
        corpus.prepare(corpus.config("bytes", 0, Duplicates.EXACT), "out", 1 << 20)) {
      assertThat(names(shards.train()))
          .containsExactly(
              "T.java", "a/X.java", "b/A.java", "b/Z.java", "b/c/A.java", "b/c/B.java");
    }
  }

  @Test
  void theSplitDependsOnContentAlone() throws IOException {
    corpus.writeFiles(100, 2);
    List<String> before;
    try (TokenShards shards =
        corpus.prepare(corpus.config("bytes", 0.3, Duplicates.EXACT), "out", 1 << 20)) {
      before = names(shards.validation());
    }
    Files.move(temp.resolve("corpus/p0"), temp.resolve("corpus/moved"));
    corpus.write("new/file", "more");
    try (TokenShards shards =
        corpus.prepare(corpus.config("bytes", 0.3, Duplicates.EXACT), "out2", 1 << 20)) {
      assertThat(
              names(shards.validation()).stream()
                  .map(n -> n.replace("moved", "p0"))
                  .filter(n -> !n.startsWith("new")))
          .containsExactlyInAnyOrderElementsOf(before);
    }
  }

  @Test
  void oneHugeFileIsOneDocumentWithItsTailHeldOut() throws IOException {
    Path file = temp.resolve("genome.txt");
    Random random = new Random(1);
    StringBuilder text = new StringBuilder();
    while (text.length() < 6_000_000) {
      text.append(RandomText.text(random, 1000));
    }
    byte[] bytes = text.toString().replace("\0", "").getBytes(StandardCharsets.UTF_8);
    Files.write(file, bytes);
    for (String tokenizer : List.of("bytes", "cl100k_base")) {
      CorpusConfig config = CorpusConfig.of(List.of(file.toString()), tokenizer);
      try (TokenShards shards = corpus.prepare(config, "out-" + tokenizer, 1 << 20)) {
        assertThat(shards.train().documents()).isEqualTo(1);
        assertThat(shards.validation().documents()).isEqualTo(1);
        byte[] tail = shards.validation().text(0);
        assertThat(tail.length).isBetween(bytes.length / 100 - 4, bytes.length / 100 + 4);
        int[] ids = ids(shards.train(), 0, (int) shards.train().size());
        byte[] head = Tokenizers.of(tokenizer).decode(ids);
        assertThat(head.length + tail.length).isEqualTo(bytes.length);
        assertThat(head).isEqualTo(Arrays.copyOf(bytes, head.length));
        assertThat(tail).isEqualTo(Arrays.copyOfRange(bytes, head.length, bytes.length));
      }
    }
  }

  /// Pieces are cut where the pre-tokenizer cuts, so that a large document has the tokens of the
  /// whole text.
  @Test
  void piecesHaveTheTokensOfTheWhole() {
    Tokenizer tokenizer = Tokenizers.of("cl100k_base");
    int held = 0;
    for (long seed = 0; seed < 200; seed++) {
      Random random = new Random(seed);
      byte[] text =
          (RandomText.text(random, 40) + "\nnext line of words\n" + RandomText.text(random, 3))
              .getBytes(StandardCharsets.UTF_8);
      int cut = Utf8.cut(text, text.length, tokenizer.cuts());
      boolean clean = text[cut - 1] == '\n' || text[cut] == ' ';
      if (clean) {
        int[] head = tokenizer.encode(Arrays.copyOf(text, cut));
        int[] tail = tokenizer.encode(Arrays.copyOfRange(text, cut, text.length));
        int[] both = Arrays.copyOf(head, head.length + tail.length);
        System.arraycopy(tail, 0, both, head.length, tail.length);
        assertThat(both).as("seed %d", seed).isEqualTo(tokenizer.encode(text));
        held++;
      }
    }
    assertThat(held).as("texts with a clean cut").isGreaterThan(50);
  }

  @Test
  void aJdkWithoutSourcesAsksForAnotherCorpus() throws IOException {
    String home = System.getProperty("java.home");
    try {
      System.setProperty("java.home", temp.toString());
      assertThatThrownBy(
              () -> corpus.prepare(CorpusConfig.of(List.of("jdk"), "bytes"), "out", 1 << 20))
          .isInstanceOf(EnvironmentException.class)
          .hasMessageContaining("name another corpus with corpus.sources PATH");
    } finally {
      System.setProperty("java.home", home);
    }
  }

  @Test
  void anEmptyCorpusIsTheUsersMistake() throws IOException {
    corpus.write("x.bin", "a\0b");
    assertThatThrownBy(
            () -> corpus.prepare(corpus.config("bytes", 0.1, Duplicates.EXACT), "out", 1 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the corpus has no documents")
        .hasMessageEndingWith(" has only 1 binary (a NUL byte) (x.bin (3 bytes))");
  }
}
