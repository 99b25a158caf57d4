// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.data.pipeline;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.tokenizer.RandomText;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/// Documents under `corpus` of a folder, and shards made of them beside it.
record TestCorpus(Path folder) {
  TokenShards prepare(CorpusConfig config, String out, long shardBytes) throws IOException {
    return Tokenization.prepare(
        config, folder.resolve(out), false, 2, TokenizationListener.NONE, new Pace(shardBytes, 0));
  }

  CorpusConfig config(String tokenizer, double validation, Duplicates duplicates) {
    return new CorpusConfig(
        List.of(CorpusSource.of(folder.resolve("corpus").toString())),
        tokenizer,
        validation,
        DocumentFilter.ALL,
        duplicates,
        InputPolicy.DEFAULT);
  }

  void write(String name, String text) throws IOException {
    Path file = folder.resolve("corpus").resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }

  /// Files of random text in a few directories; no NUL bytes at their beginning.
  Map<String, byte[]> writeFiles(int count, long seed) throws IOException {
    Map<String, byte[]> files = new TreeMap<>();
    Random random = new Random(seed);
    for (int i = 0; i < count; i++) {
      String name = "p" + i % 5 + "/f" + i;
      String text = i + " " + RandomText.text(random, 1 + random.nextInt(300)).replace("\0", "");
      write(name, text);
      files.put(name, text.getBytes(StandardCharsets.UTF_8));
    }
    return files;
  }

  static List<String> names(TokenSplit split) {
    List<String> names = new ArrayList<>();
    for (long i = 0; i < split.documents(); i++) {
      names.add(split.document(i).name());
    }
    return names;
  }

  static int[] ids(TokenSplit split, long from, int count) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment segment = arena.allocate(ValueLayout.JAVA_LONG, Math.max(1, count));
      split.copy(from, count, segment);
      return Arrays.stream(segment.toArray(ValueLayout.JAVA_LONG))
          .limit(count)
          .mapToInt(x -> (int) x)
          .toArray();
    }
  }
}
