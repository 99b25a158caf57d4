// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.SourceSummary;
import dev.longnet.core.data.Split;
import dev.longnet.core.data.source.DocumentReader;
import dev.longnet.core.data.source.Sources;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// What a tokenizer learns from, and what is left out and said.
class TokenizerTrainingTest {
  private static final InputPolicy POLICY = InputPolicy.DEFAULT;

  @TempDir Path temp;

  @Test
  void aLargeBinaryFileTeachesNothing() throws IOException {
    Path corpus = Files.createDirectories(temp.resolve("corpus"));
    Files.writeString(corpus.resolve("a.txt"), "plain words and plain words ".repeat(20));
    byte[] library = "zqzqzqzq ".repeat(600_000).getBytes(StandardCharsets.UTF_8);
    library[100] = 0;
    Files.write(corpus.resolve("lib.so"), library);
    TokenizerTraining.Result result = train(POLICY, 1 << 30, corpus);
    assertThat(result.json()).contains("plain").doesNotContain("zq");
    SourceSummary source = result.sources().getFirst();
    assertThat(source.documents()).isEqualTo(1);
    assertThat(source.bytes()).isEqualTo(560);
    assertThat(source.rejected()).isEqualTo(Map.of("binary", 1L));
    assertThat(source.examples()).containsExactly("binary: lib.so (at its beginning)");
  }

  @Test
  void aLargeFileIsJudgedToItsEnd() throws IOException {
    Path corpus = Files.createDirectories(temp.resolve("corpus"));
    Files.writeString(corpus.resolve("a.txt"), "plain words and plain words ".repeat(20));
    byte[] latin1 = "zqzqzqzq ".repeat(600_000).getBytes(StandardCharsets.UTF_8);
    latin1[latin1.length - 5] = (byte) 0xe9;
    Files.write(corpus.resolve("b.txt"), latin1);
    InputPolicy skip =
        new InputPolicy(
            InputPolicy.Action.SKIP,
            InputPolicy.Action.SKIP,
            InputPolicy.Action.SKIP,
            200,
            1 << 30,
            1 << 20);
    TokenizerTraining.Result result = train(skip, 1 << 30, corpus);
    assertThat(result.json()).contains("plain").doesNotContain("zq");
    assertThat(result.sources().getFirst().rejected()).isEqualTo(Map.of("invalid_utf8", 1L));
    assertThat(train(POLICY, 1 << 30, corpus).json()).as("kept by default").contains("zq");
  }

  @Test
  void aBrokenDocumentIsCountedOrRefused() throws IOException {
    Path zip = temp.resolve("c.zip");
    Random random = new Random(1);
    try (OutputStream file = Files.newOutputStream(zip);
        ZipOutputStream out = new ZipOutputStream(file)) {
      for (String name : List.of("broken", "whole")) {
        out.putNextEntry(new ZipEntry(name));
        for (int i = 0; i < 2000; i++) {
          out.write('a' + random.nextInt(26));
        }
        out.closeEntry();
      }
    }
    byte[] bytes = Files.readAllBytes(zip);
    Arrays.fill(bytes, 300, 340, (byte) 0x55);
    Files.write(zip, bytes);
    SourceSummary source = train(POLICY, 1 << 30, zip).sources().getFirst();
    assertThat(source.documents()).isEqualTo(1);
    assertThat(source.rejected().values()).containsExactly(1L);
    assertThat(source.examples()).hasSize(1).allMatch(e -> e.contains("broken"));
    InputPolicy refuse =
        new InputPolicy(
            InputPolicy.Action.REFUSE,
            InputPolicy.Action.SKIP,
            InputPolicy.Action.KEEP,
            200,
            1 << 30,
            1 << 20);
    assertThatThrownBy(() -> train(refuse, 1 << 30, zip))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("broken in " + zip);
  }

  @Test
  void everySourceHasItsShareOfTheSample() throws IOException {
    Path large = Files.createDirectories(temp.resolve("large"));
    Path other = Files.createDirectories(temp.resolve("other"));
    Path small = Files.createDirectories(temp.resolve("small"));
    for (int i = 0; i < 100; i++) {
      Files.writeString(large.resolve("f" + i), ("large" + i + " ").repeat(1500));
      Files.writeString(other.resolve("f" + i), ("other" + i + " ").repeat(1200));
    }
    Files.writeString(small.resolve("f"), "small ".repeat(100));
    List<SourceSummary> sources = train(POLICY, 300_000, large, other, small).sources();
    assertThat(sources)
        .extracting(SourceSummary::path)
        .containsExactly(large.toString(), other.toString(), small.toString());
    assertThat(sources.get(0).bytes()).isBetween(130_000L, 170_000L);
    assertThat(sources.get(1).bytes()).isBetween(130_000L, 170_000L);
    assertThat(sources.get(2).bytes()).isEqualTo(600);
  }

  @Test
  void aCorpusWithoutADocumentIsRefused() throws IOException {
    Path corpus = Files.createDirectories(temp.resolve("corpus"));
    Files.write(corpus.resolve("x"), new byte[] {'a', 0, 'b'});
    assertThatThrownBy(() -> train(POLICY, 1 << 30, corpus))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("the corpus has no documents")
        .hasMessageContaining("1 binary");
  }

  @Test
  void whatIsHeldOutTeachesNothingWhereItIsAskedSo() throws IOException {
    Path corpus = temp.resolve("corpus");
    Holdout packages = new Holdout(Holdout.Kind.GROUP, Holdout.PACKAGE);
    for (int i = 0; i < 20; i++) {
      Files.createDirectories(corpus.resolve("p" + i));
      Files.writeString(corpus.resolve("p" + i + "/f"), "plain words ".repeat(50));
    }
    CorpusConfig config =
        new CorpusConfig(
            List.of(CorpusSource.of(corpus.toString())),
            "bytes",
            0.3,
            DocumentFilter.ALL,
            Duplicates.NONE,
            POLICY,
            packages);
    SplitRule rule =
        GroupChoice.rule(config, List.of(Sources.state(config.sources().getFirst())), temp);
    SplitRule.Place place = new SplitRule.Place("corpus", new DocumentReader.Container("", false));
    long trained = 0;
    for (int i = 0; i < 20; i++) {
      String name = "p" + i + "/f";
      var group = rule.group(place, name);
      boolean train = rule.split(group.orElseThrow(), group) == Split.TRAIN;
      trained += train ? 1 : 0;
      // As long as before: the choice looks at sizes.
      Files.writeString(corpus.resolve(name), (train ? "plain words " : "zqzqzqzqzqz ").repeat(50));
    }
    assertThat(trained).isEqualTo(14);
    TokenizerTraining.Result result =
        TokenizerTraining.trainOnTrainingGroups(config, 300, 1 << 20, 2, TokenizationListener.NONE);
    assertThat(result.json()).contains("plain").doesNotContain("zq");
    assertThat(result.sources().getFirst().documents()).isEqualTo(trained);
    assertThat(TokenizerTraining.train(config, 300, 1 << 20, 2, TokenizationListener.NONE).json())
        .contains("zq");
  }

  private static TokenizerTraining.Result train(InputPolicy policy, long bytes, Path... sources)
      throws IOException {
    CorpusConfig config =
        new CorpusConfig(
            Arrays.stream(sources).map(s -> CorpusSource.of(s.toString())).toList(),
            "bytes",
            0,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            policy);
    return TokenizerTraining.train(config, 300, bytes, 2, TokenizationListener.NONE);
  }
}
