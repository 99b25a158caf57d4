// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static dev.longnet.core.data.pipeline.TestCorpus.ids;
import static dev.longnet.core.data.pipeline.TestCorpus.names;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.SequenceRule;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.TokenShards;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.OptionalDouble;
import java.util.Random;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a run makes of shards that are there already: used, out of date or damaged.
class ExistingShardsTest {
  private final Path temp;
  private final TestCorpus corpus;

  ExistingShardsTest(@TempDir Path temp) {
    this.temp = temp;
    this.corpus = new TestCorpus(temp);
  }

  @Test
  void aSecondRunFindsTheShards() throws IOException {
    corpus.writeFiles(10, 3);
    CorpusConfig config = corpus.config("bytes", 0.1, Duplicates.EXACT);
    corpus.prepare(config, "out", 1 << 20).close();
    Path manifest = temp.resolve("out").resolve(Manifest.FILE);
    var made = Files.getLastModifiedTime(manifest);
    corpus.prepare(config, "out", 1 << 20).close();
    assertThat(Files.getLastModifiedTime(manifest)).isEqualTo(made);
  }

  @Test
  void aChangeIsNoticedAndSaid() throws IOException {
    corpus.writeFiles(10, 3);
    CorpusConfig config = corpus.config("bytes", 0.1, Duplicates.EXACT);
    corpus.prepare(config, "out", 1 << 20).close();
    corpus.write("another", "file");
    assertThatThrownBy(() -> corpus.prepare(config, "out", 1 << 20))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the source " + temp.resolve("corpus") + " changed");
    List<String> said = new ArrayList<>();
    try (TokenShards shards =
        Tokenization.prepare(config, temp.resolve("out"), true, 2, saying(said), Pace.DEFAULT)) {
      assertThat(names(shards.train())).contains("another");
    }
    assertThat(said).anyMatch(s -> s.contains("changed"));
    assertThatThrownBy(() ->
            corpus.prepare(corpus.config("cl100k_base", 0.1, Duplicates.EXACT), "out", 1 << 20))
        .hasMessageContaining("the tokenizer changed (from bytes to cl100k_base)");
  }

  /// Each way of reading gives tokens of its own.
  @Test
  void shardsAreNamedByHowTheirSourceIsRead() throws IOException {
    corpus.writeFiles(1, 3);
    Set<String> keys = new HashSet<>();
    for (CorpusSource.Format format : CorpusSource.Format.values()) {
      for (SequenceRule.Case letters : SequenceRule.Case.values()) {
        for (SequenceRule.Unknown unknown : SequenceRule.Unknown.values()) {
          CorpusSource source =
              new CorpusSource(
                  temp.resolve("corpus").toString(),
                  OptionalDouble.empty(),
                  "text",
                  "",
                  format,
                  new SequenceRule(letters, unknown));
          CorpusConfig config = corpus.config("bytes", 0.1, Duplicates.EXACT);
          keys.add(
              CorpusKey.of(
                  new CorpusConfig(
                      List.of(source),
                      config.tokenizer(),
                      config.validation(),
                      config.filter(),
                      config.duplicates(),
                      config.input(),
                      config.holdout())));
        }
      }
    }
    assertThat(keys).hasSize(12);
  }

  private static TokenizationListener saying(List<String> said) {
    return new TokenizationListener() {
      @Override
      public void message(String line) {
        said.add(line);
      }

      @Override
      public void progress(TokenizationProgress progress) {}
    };
  }

  @Test
  void damagedShardsAreRefused() throws IOException {
    corpus.writeFiles(20, 3);
    CorpusConfig config = corpus.config("bytes", 0.1, Duplicates.EXACT);
    corpus.prepare(config, "out", 1 << 20).close();
    Path tokens = temp.resolve("out/train-000-000000.tokens");
    byte[] whole = Files.readAllBytes(tokens);
    Files.write(tokens, Arrays.copyOf(whole, whole.length - 1));
    assertThatThrownBy(() -> TokenShards.open(temp.resolve("out")))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("token shards are corrupted");
    whole[1] = 0x7f;
    Files.write(tokens, whole, StandardOpenOption.TRUNCATE_EXISTING);
    try (TokenShards shards = TokenShards.open(temp.resolve("out"))) {
      assertThat(shards.verify()).containsExactly(tokens);
      assertThatThrownBy(() -> ids(shards.train(), 0, 5))
          .hasMessageContaining("of a vocabulary of 257");
    }
  }

  /// Random damage to the manifest or a document table is refused or harmless, never a crash.
  @Test
  void fuzzedManifestsAndTables() throws IOException {
    corpus.writeFiles(20, 3);
    corpus.prepare(corpus.config("bytes", 0.3, Duplicates.EXACT), "out", 1 << 20).close();
    for (String name : List.of("manifest.json", "validation-000-000000.docs")) {
      Path file = temp.resolve("out").resolve(name);
      byte[] good = Files.readAllBytes(file);
      for (long seed = 0; seed < 300; seed++) {
        Random random = new Random(seed);
        byte[] bad = good.clone();
        for (int i = 0; i <= random.nextInt(4); i++) {
          bad[random.nextInt(bad.length)] = (byte) random.nextInt(256);
        }
        Files.write(file, bad);
        try (TokenShards shards = TokenShards.open(temp.resolve("out"))) {
          for (long i = 0; i < shards.validation().documents(); i++) {
            shards.validation().document(i);
            shards.validation().text(i);
          }
        } catch (IllegalArgumentException
            | IndexOutOfBoundsException
            | ArithmeticException
            | IOException e) {
          // One line for the user, or a bounds check: not a crash of the machine's.
        }
      }
      Files.write(file, good);
    }
  }
}
