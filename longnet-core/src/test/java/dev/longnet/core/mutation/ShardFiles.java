// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import dev.longnet.core.config.CorpusConfig;
import dev.longnet.core.config.CorpusSource;
import dev.longnet.core.config.DocumentFilter;
import dev.longnet.core.config.Duplicates;
import dev.longnet.core.config.InputPolicy;
import dev.longnet.core.data.Manifest;
import dev.longnet.core.data.TokenShards;
import dev.longnet.core.data.TokenSplit;
import dev.longnet.core.data.pipeline.InterruptedBuild;
import dev.longnet.core.data.pipeline.Tokenization;
import dev.longnet.core.data.pipeline.TokenizationListener;
import dev.longnet.core.io.AtomicFiles;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/// What a tokenized corpus consists of: its manifest, its tables, the journal of a build.
final class ShardFiles {
  private final Path folder;
  private final CorpusConfig corpus;
  private final Path shards;

  ShardFiles(Path folder) throws IOException {
    this.folder = folder;
    Path documents = Files.createDirectories(folder.resolve("documents"));
    for (int i = 0; i < 12; i++) {
      Files.writeString(documents.resolve("d" + i), "document " + i * i + "\n");
    }
    this.corpus =
        new CorpusConfig(
            List.of(CorpusSource.of(documents.toString())),
            "bytes",
            0.4,
            DocumentFilter.ALL,
            Duplicates.EXACT,
            InputPolicy.DEFAULT);
    this.shards = folder.resolve("shards");
    prepare(shards);
  }

  private void prepare(Path directory) throws IOException {
    Tokenization.prepare(corpus, directory, false, 1, TokenizationListener.NONE).close();
  }

  List<Parser> parsers() throws IOException {
    List<Parser> all = new ArrayList<>();
    for (String name :
        List.of(Manifest.FILE, "train-000-000000.docs", "validation-000-000000.docs")) {
      Path directory = Files.createDirectories(folder.resolve("shards-" + name));
      try (var files = Files.list(shards)) {
        for (Path file : (Iterable<Path>) files::iterator) {
          Files.copy(file, directory.resolve(file.getFileName().toString()));
        }
      }
      all.add(
          new Parser(
              "token shards, " + name.replace("-000-000000", ""),
              List.of(Files.readAllBytes(shards.resolve(name))),
              input -> {
                Files.write(directory.resolve(name), input);
                try (TokenShards opened = TokenShards.open(directory)) {
                  readAll(opened.train(), false);
                  readAll(opened.validation(), true);
                }
              }));
    }
    all.add(journal());
    return all;
  }

  private static void readAll(TokenSplit split, boolean texts) {
    for (long i = 0; i < split.documents(); i++) {
      split.document(i).name();
      if (texts) {
        split.text(i);
      }
    }
    try (Arena arena = Arena.ofConfined()) {
      int count = (int) Math.min(1000, split.size());
      split.copy(0, count, arena.allocate(8L * Math.max(1, count)));
    }
  }

  /// Of a build that is gone on with. A damaged one means that the build begins anew.
  private Parser journal() throws IOException {
    Path whole = folder.resolve("whole.building");
    Path directory = folder.resolve("again");
    Path building = folder.resolve("again.building");
    InterruptedBuild.copy(shards, whole);
    return new Parser(
            "build's journal",
            List.of(Files.readAllBytes(whole.resolve("progress.json"))),
            input -> {
              AtomicFiles.deleteRecursively(directory);
              AtomicFiles.deleteRecursively(building);
              Files.createDirectories(building);
              try (var files = Files.list(whole)) {
                for (Path file : (Iterable<Path>) files::iterator) {
                  Files.copy(file, building.resolve(file.getFileName().toString()));
                }
              }
              Files.write(building.resolve("progress.json"), input);
              prepare(directory);
            })
        .grant(64 << 20);
  }
}
