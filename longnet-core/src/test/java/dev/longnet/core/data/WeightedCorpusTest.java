// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.OptionalDouble;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/// Weights from the configuration of a corpus to the windows of training.
class WeightedCorpusTest {
  @TempDir Path temp;

  @Test
  void windowsAreMixedByTheSourcesWeights() throws IOException {
    CorpusConfig plain = CorpusConfig.of(List.of("none"), "bytes");
    List<CorpusSource> sources = List.of(source("a", 3), source("b", 1));
    CorpusConfig config =
        new CorpusConfig(sources, "bytes", 0, plain.filter(), plain.duplicates(), plain.input());
    try (TokenShards shards =
        Tokenization.prepare(config, temp.resolve("shards"), false, 1, TokenizationListener.NONE)) {
      Batches weighted = Batches.of(shards, new double[] {3, 1}, 16, 7);
      assertThat(counts(weighted)).containsExactly(768, 256);
      // Without weights as many as a source has tokens: half and half.
      int[] natural = counts(Batches.of(shards, new double[0], 16, 7));
      assertThat(natural[0]).isBetween(412, 612);
      assertThat(natural[0] + natural[1]).isEqualTo(1024);
    }
  }

  /// Of the first 1,024 windows, those that begin in either source.
  private static int[] counts(Batches batches) {
    int[] counts = new int[2];
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment window = arena.allocate(ValueLayout.JAVA_LONG, 17);
      for (long i = 0; i < 1024; i++) {
        batches.window(i, window);
        long id = window.getAtIndex(ValueLayout.JAVA_LONG, 0);
        // A window may begin with the end of a document: the next token tells.
        id = id == 256 ? window.getAtIndex(ValueLayout.JAVA_LONG, 1) : id;
        counts[(int) id - 'a']++;
      }
    }
    return counts;
  }

  private CorpusSource source(String letter, double weight) throws IOException {
    Path directory = Files.createDirectories(temp.resolve(letter));
    for (int i = 0; i < 20; i++) {
      Files.writeString(directory.resolve("f" + i), letter.repeat(1000 + i));
    }
    return new CorpusSource(
        directory.toString(), OptionalDouble.of(weight), CorpusSource.DEFAULT_TEXT_FIELD, "");
  }
}
