// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.Holdout;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.data.tokenizer.Tokenizers;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Groups of held-out text, and the places in it where suffixes begin.
class SuffixesTest {
  private static final Holdout PACKAGES = new Holdout(Holdout.Kind.GROUP, Holdout.PACKAGE);

  @TempDir Path folder;

  private TokenShards shards(int packages, int bytes) throws IOException {
    for (int p = 0; p < packages; p++) {
      Path place = Files.createDirectories(folder.resolve("corpus/p" + p));
      for (String name : List.of("A", "B")) {
        String text = (p + name).repeat(bytes).substring(0, bytes - 1);
        Files.writeString(place.resolve(name), text);
      }
    }
    return Tokenization.prepare(
        new CorpusConfig(
            List.of(CorpusSource.of(folder.resolve("corpus").toString())),
            "bytes",
            0.5,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            InputPolicy.DEFAULT,
            PACKAGES),
        folder.resolve("shards"),
        true,
        1,
        TokenizationListener.NONE);
  }

  @Test
  void smallPackagesArePutTogether() throws IOException {
    try (TokenShards shards = shards(400, 20)) {
      TokenSplit held = shards.validation();
      HeldOutGroups groups = HeldOutGroups.of(held, PACKAGES, held.size());
      assertThat(groups.count()).isBetween(80, 100);
      for (long token = 1; token < held.size(); token++) {
        assertThat(groups.of(token)).isBetween(groups.of(token - 1), groups.of(token - 1) + 1);
        assertThat(groups.packageOf(token)).isEqualTo((int) (token / 40));
      }
      assertThat(groups.isOnePackage(40, 80)).isTrue();
      assertThat(groups.isOnePackage(40, 81)).isFalse();
      int[] bytes = HeldOutGroups.bytes(held, Tokenizers.of("bytes"), 0, 40);
      assertThat(Arrays.stream(bytes).sum()).as("but for two ends of texts").isEqualTo(38);
      float[] ones = new float[(int) held.size()];
      Arrays.fill(ones, 1);
      assertThat(Arrays.stream(groups.sums(0, ones)).sum()).isEqualTo(held.size());
    }
  }

  @Test
  void aSuffixAndItsPromptLieInOnePackage() throws IOException {
    try (TokenShards shards = shards(40, 100)) {
      TokenSplit held = shards.validation();
      HeldOutGroups groups = HeldOutGroups.of(held, PACKAGES, held.size());
      Suffixes all = Suffixes.of(groups, held.size(), 96, 16, 1000);
      assertThat(all.starts()).isNotEmpty().isSorted();
      for (long start : all.starts()) {
        assertThat(groups.packageOf(start - 96)).isEqualTo(groups.packageOf(start + 16));
      }
      Suffixes few = Suffixes.of(groups, held.size(), 96, 16, 5);
      assertThat(few.starts()).hasSize(5);
      assertThat(all.starts()).containsAll(few.starts());
      for (int i = 0; i < 5; i++) {
        long other = few.stranger(i, groups::packageOf);
        assertThat(groups.packageOf(other)).isNotEqualTo(groups.packageOf(few.starts().get(i)));
      }
      assertThat(Suffixes.of(groups, held.size(), 300, 16, 5).starts()).isEmpty();
    }
  }
}
