// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static dev.longnet.core.data.pipeline.TestCorpus.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.TokenShards;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Which documents stay out of the shards: duplicates, filtered ones, binary and invalid text.
class DocumentSelectionTest {
  private final Path temp;
  private final TestCorpus corpus;

  DocumentSelectionTest(@TempDir Path temp) {
    this.temp = temp;
    this.corpus = new TestCorpus(temp);
  }

  @Test
  void exactDuplicatesAreDroppedAndTheFirstStays() throws IOException {
    for (int i = 0; i < 50; i++) {
      corpus.write("f" + (100 + i), "text " + i % 20);
    }
    try (TokenShards shards =
        corpus.prepare(corpus.config("bytes", 0, Duplicates.EXACT), "out", 1 << 20)) {
      assertThat(names(shards.train())).hasSize(20).startsWith("f100").endsWith("f119");
      assertThat(shards.manifest().sources().getFirst().rejected())
          .isEqualTo(Map.of("duplicate", 30L));
    }
  }

  @Test
  void nearDuplicatesAreDropped() throws IOException {
    Random random = new Random(4);
    String text = words(random, 2000);
    corpus.write("a", text);
    corpus.write("b", text.replaceFirst("w\\d+", "changed"));
    corpus.write("c", text.replace(" ", "\n  "));
    corpus.write("d", words(random, 2000));
    corpus.write("e", text.substring(0, text.length() / 2));
    try (TokenShards shards =
        corpus.prepare(corpus.config("bytes", 0, Duplicates.NEAR), "out", 1 << 20)) {
      assertThat(names(shards.train())).containsExactly("a", "d", "e");
    }
  }

  private static String words(Random random, int count) {
    StringBuilder text = new StringBuilder();
    for (int i = 0; i < count; i++) {
      text.append('w').append(random.nextInt(1000)).append(' ');
    }
    return text.toString();
  }

  @Test
  void filtersLeaveOutAndCount() throws IOException {
    corpus.write("A.java", "class A {}");
    corpus.write("b/B.java", "class B {}");
    corpus.write("b/B.py", "class B: pass");
    corpus.write("b/BTest.java", "class BTest {}");
    corpus.write("c/C.kt", "class C");
    corpus.write("c/Big.java", "x".repeat(5000));
    corpus.write("empty.java", "");
    CorpusConfig config =
        new CorpusConfig(
            List.of(CorpusSource.of(temp.resolve("corpus").toString())),
            "bytes",
            0,
            new DocumentFilter(
                List.of("**/*.{java,py}"), List.of("*Test.java"), List.of("java"), 1, 1000),
            Duplicates.EXACT,
            InputPolicy.DEFAULT);
    try (TokenShards shards = corpus.prepare(config, "out", 1 << 20)) {
      assertThat(names(shards.train())).containsExactly("A.java", "b/B.java");
      assertThat(shards.manifest().sources().getFirst().rejected())
          .isEqualTo(Map.of("filtered", 3L, "too_small", 1L, "too_large", 1L));
    }
  }

  @Test
  void binaryAndInvalidTextFollowThePolicy() throws IOException {
    Files.createDirectories(temp.resolve("corpus"));
    Files.write(temp.resolve("corpus/nul"), new byte[] {'a', 0, 'b'});
    Files.write(temp.resolve("corpus/latin1"), new byte[] {'a', (byte) 0xe9, 'b'});
    corpus.write("good", "good");
    assertThat(kept(InputPolicy.Action.SKIP, InputPolicy.Action.KEEP))
        .containsExactly("good", "latin1");
    assertThat(kept(InputPolicy.Action.KEEP, InputPolicy.Action.SKIP))
        .containsExactly("good", "nul");
    assertThatThrownBy(() -> kept(InputPolicy.Action.KEEP, InputPolicy.Action.REFUSE))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("not valid UTF-8: latin1");
    assertThat(temp.resolve("policy-KEEP-REFUSE")).doesNotExist();
  }

  private List<String> kept(InputPolicy.Action binary, InputPolicy.Action invalid)
      throws IOException {
    CorpusConfig config =
        new CorpusConfig(
            List.of(CorpusSource.of(temp.resolve("corpus").toString())),
            "cl100k_base",
            0,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            new InputPolicy(InputPolicy.Action.SKIP, binary, invalid, 200, 1 << 30, 1 << 20));
    try (TokenShards shards = corpus.prepare(config, "policy-" + binary + "-" + invalid, 1 << 20)) {
      return names(shards.train());
    }
  }
}
