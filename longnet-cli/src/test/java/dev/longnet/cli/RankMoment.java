// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// What ranks do when something happens to one of them, told by the run's files.
enum RankMoment {
  /// The one it happens to has come to the store, another rank has not been started yet.
  JOINING {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) throws IOException {
      return ranks.metTheStore(victim);
    }
  },
  /// Rank 0 tokenizes, the others wait.
  CORPUS {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) throws IOException {
      Path tokens = ranks.cache().resolve("longnet/tokens");
      return Files.exists(tokens)
          && !TinyRecipe.names(tokens).isEmpty()
          && !Files.exists(run.resolve("recipe.yaml"));
    }
  },
  STEP {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) throws IOException {
      List<String> lines = lines(run);
      return lines.size() > 4
          && lines.getLast().contains("\"event\":\"train\"")
          && !lines.getLast().matches(EVERY_SECOND);
    }
  },
  EVALUATING {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) throws IOException {
      List<String> lines = lines(run);
      return lines.size() > 4
          && lines.getLast().contains("\"event\":\"train\"")
          && lines.getLast().matches(EVERY_SECOND);
    }
  },
  CHECKPOINT {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) throws IOException {
      Path checkpoints = run.resolve("checkpoints");
      return lines(run).size() > 4
          && Files.exists(checkpoints)
          && TinyRecipe.names(checkpoints).stream().anyMatch(name -> name.contains(".tmp-"));
    }
  },
  /// Rank 0 writes the sample and the report, the others wait.
  REPORT {
    @Override
    boolean isNow(RankChildren ranks, Path run, int victim) {
      return Files.exists(run.resolve("evaluation.json"))
          && !Files.exists(run.resolve("sample.txt"));
    }
  };

  /// The recipe evaluates and saves then.
  private static final String EVERY_SECOND = ".*\"step\":[0-9]*[02468],.*";

  /// Whether the ranks are there. It stays true while all are stopped.
  abstract boolean isNow(RankChildren ranks, Path run, int victim) throws IOException;

  private static List<String> lines(Path run) throws IOException {
    Path metrics = run.resolve("metrics.jsonl");
    return Files.exists(metrics) ? Files.readAllLines(metrics) : List.of();
  }
}
