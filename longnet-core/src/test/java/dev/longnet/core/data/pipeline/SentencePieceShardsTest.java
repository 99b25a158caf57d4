// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.Tokenizer;
import dev.longnet.core.data.tokenizer.RandomText;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// Shards of tokenizers whose ids depend on where a text begins.
class SentencePieceShardsTest {
  private static final Path FOLDER = Path.of("src/test/resources/tokenizers").toAbsolutePath();

  @TempDir Path temp;
  private TestCorpus corpus;

  @BeforeEach
  void corpus() {
    corpus = new TestCorpus(temp);
  }

  /// A file of several pieces, of which each is a worker's.
  @ParameterizedTest
  @ValueSource(strings = {"llama", "gemma", "t5", "gpt2"})
  void aLargeFileHasTheIdsOfItsText(String name) throws IOException {
    Random random = new Random(2);
    StringBuilder text = new StringBuilder();
    while (text.length() < 1_300_000) {
      text.append(RandomText.text(random, 1000).replace("\0", ""))
          .append("some words\n\nand lines. ");
    }
    Path file = Files.writeString(temp.resolve("text.txt"), text);
    String tokenizer = FOLDER.resolve(name + ".json").toString();
    CorpusConfig config = CorpusConfig.of(List.of(file.toString()), tokenizer);
    try (TokenShards shards = corpus.prepare(config, "out", 1 << 20)) {
      byte[] all = text.toString().getBytes(StandardCharsets.UTF_8);
      long tail = shards.validation().document(0).bytes();
      byte[] head = Arrays.copyOf(all, (int) (all.length - tail));
      Tokenizer whole = Tokenizers.of(tokenizer);
      int[] ids = TestCorpus.ids(shards.train(), 0, (int) shards.train().size());
      assertThat(ids)
          .isEqualTo(
              IntStream.concat(IntStream.of(whole.encode(head)), IntStream.of(whole.endOfText()))
                  .toArray());
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"t5", "xlmr", "unigram-whole", "unigram-bytes", "wordlevel", "llama"})
  void textThatLooksLikeAControlTokenIsText(String name) throws IOException {
    String tokenizer = FOLDER.resolve(name + ".json").toString();
    CorpusConfig config =
        CorpusConfig.of(List.of(FOLDER.resolve("strike.jsonl").toString()), tokenizer);
    Tokenizer whole = Tokenizers.of(tokenizer);
    try (TokenShards shards = corpus.prepare(config, "out", 1 << 20)) {
      long documents = shards.train().documents();
      int[] ids = TestCorpus.ids(shards.train(), 0, (int) shards.train().size());
      assertThat(IntStream.of(ids).filter(id -> id == whole.endOfText()).count())
          .isEqualTo(documents);
    }
  }

  @Test
  void aManifestSaysWhatATokenizerChanges() throws IOException {
    corpus.write("a", "the words of that and of him");
    corpus.write("b", "Ünïcode and CAPITALS");
    String lossy = FOLDER.resolve("bert.json").toString();
    try (TokenShards shards = corpus.prepare(corpus.config(lossy, 0, Duplicates.EXACT), "a", 1)) {
      assertThat(shards.manifest().sources().getFirst().changedDocuments()).isEqualTo(1);
      assertThat(Files.readString(shards.directory().resolve(Manifest.FILE)))
          .contains("\"changed_documents\" : 1");
    }
    try (TokenShards shards = corpus.prepare(corpus.config("bytes", 0, Duplicates.EXACT), "b", 1)) {
      assertThat(Files.readString(shards.directory().resolve(Manifest.FILE)))
          .doesNotContain("changed_documents");
    }
  }
}
