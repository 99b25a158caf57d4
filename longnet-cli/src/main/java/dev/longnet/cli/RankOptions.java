// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.TrainingConfig;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.core.launch.Launch;
import dev.longnet.core.launch.Launcher;
import dev.longnet.lm.run.Processes;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/// How many ranks train, and what happens when one is lost.
final class RankOptions {
  @Option(
      names = "--ranks",
      paramLabel = "N",
      description =
          "Train with N ranks, processes that share the work: N of this machine, which are started here. Under "
              + "torchrun, srun, … the number that it started.")
  @Nullable Integer ranks;

  @Option(
      names = "--sequence-ranks",
      paramLabel = "S",
      description =
          "Each sequence is divided over S of the ranks, and the others train on other sequences (default: all "
              + "ranks divide each sequence).")
  @Nullable Integer sequenceRanks;

  @Option(
      names = "--rank-address",
      paramLabel = "ADDRESS",
      description =
          "This machine's address on the network of the ranks (default: that of the interface that leads to rank 0).")
  String address = "";

  @Option(
      names = "--rank-timeout",
      paramLabel = "SECONDS",
      description = "A rank that is silent so long is lost (default: ${DEFAULT-VALUE}).")
  int timeout = 120;

  @Option(
      names = "--restarts",
      paramLabel = "K",
      description =
          "After the loss of a rank go on from the last checkpoint, up to K times (default: ${DEFAULT-VALUE}).")
  int restarts = 0;

  @Option(
      names = "--restart-ranks",
      paramLabel = "M",
      description = "Go on with M ranks after a loss (default: as many as before).")
  @Nullable Integer restartRanks;

  OptionalInt number() {
    return ranks == null ? OptionalInt.empty() : OptionalInt.of(ranks);
  }

  /// Whether a process that no launcher started starts ranks.
  ///
  /// @param told what the process that started this one told it: then this is a rank
  boolean starts(Optional<Handover> told) {
    return told.isEmpty() && ranks != null && ranks > 1;
  }

  /// How many ranks divide a sequence; 0: all of them.
  int sequenceRanks() {
    return sequenceRanks == null ? 0 : sequenceRanks;
  }

  /// How many ranks there are after a loss.
  int afterLoss(int size) {
    return restartRanks == null ? size : restartRanks;
  }

  Duration timeout() {
    return Duration.ofSeconds(timeout);
  }

  /// Refuses what does not go together.
  ///
  /// @param launch what this process was started as; empty: nothing started it as a rank
  void check(Optional<Launch> launch) {
    atLeast(1, "--ranks", ranks);
    atLeast(1, "--sequence-ranks", sequenceRanks);
    atLeast(1, "--rank-timeout", timeout);
    if (timeout > 86_400) {
      throw new IllegalArgumentException(
          "--rank-timeout must be at most a day, 86400: --rank-timeout=" + timeout);
    }
    atLeast(0, "--restarts", restarts);
    atLeast(1, "--restart-ranks", restartRanks);
    int size = size(launch);
    if (restartRanks != null && restartRanks > size) {
      throw new IllegalArgumentException(
          "--restart-ranks must be at most the "
              + size
              + " ranks of before: --restart-ranks="
              + restartRanks);
    }
    boolean elsewhere = launch.isPresent() && launch.get().launcher() != Launcher.LONGNET;
    if (restarts > 0 && (elsewhere || size == 1)) {
      throw new IllegalArgumentException(
          "--restarts must come with ranks that are started here (--ranks), "
              + (elsewhere
                  ? "these were started by " + launch.get().launcher() + ", which can restart them"
                  : "there are none")
              + ": --restarts="
              + restarts);
    }
    if (restartRanks != null && restarts == 0) {
      throw new IllegalArgumentException(
          "--restart-ranks must come with --restarts: --restart-ranks=" + restartRanks);
    }
  }

  /// Refuses meshes that cannot be, after a loss too.
  ///
  /// @param training of the recipe; with virtual shards so many ranks in however many processes,
  ///   else a rank a process
  void checkMesh(Optional<Launch> launch, TrainingConfig training) {
    int virtualShards = training.virtualShards();
    int size = size(launch);
    if (sequenceRanks != null && sequenceRanks > 1 && size == 1 && virtualShards == 0) {
      throw new FieldException(
          "--sequence-ranks must come with several ranks (--ranks, a launcher) or with %s: --sequence-ranks="
              + sequenceRanks,
          Field.of("training.virtual_shards"));
    }
    for (int processes : new int[] {size, afterLoss(size)}) {
      if (virtualShards % processes != 0) {
        throw new FieldException(
            "%s must be a multiple of the ranks that share them, %d: %s",
            Field.of("training.virtual_shards"),
            processes,
            Field.of("training.virtual_shards", virtualShards));
      }
      int all = virtualShards == 0 ? processes : virtualShards;
      if (sequenceRanks != null && all % sequenceRanks != 0) {
        throw new IllegalArgumentException(
            "--sequence-ranks must divide the number of ranks, "
                + all
                + ": --sequence-ranks="
                + sequenceRanks);
      }
      new RankMesh(all, sequenceRanks == null ? all : sequenceRanks).requireWork(training);
    }
  }

  /// The processes that will train. Those that this one starts share its machine.
  Processes processes(Optional<Launch> launch) {
    int size = size(launch);
    int processors = Runtime.getRuntime().availableProcessors();
    return new Processes(
        size,
        launch.map(Launch::localSize).orElse(size),
        launch.map(own -> own.threads(processors)).orElse(Math.max(1, processors / size)),
        sequenceRanks());
  }

  /// As [#processes], where each is a task of Spark: others may be on the same machine, or not.
  ///
  /// @param cores of a task
  Processes processesOfTasks(int cores) {
    return new Processes(size(Optional.empty()), 1, cores, sequenceRanks());
  }

  private int size(Optional<Launch> launch) {
    return launch.isPresent() ? launch.get().size() : ranks == null ? 1 : ranks;
  }

  private static void atLeast(int least, String name, @Nullable Integer value) {
    if (value != null && value < least) {
      throw new IllegalArgumentException(
          name + " must be at least " + least + ": " + name + "=" + value);
    }
  }
}
