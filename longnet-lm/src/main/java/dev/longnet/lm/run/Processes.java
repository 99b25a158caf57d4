// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RankMesh;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.Locale;

/// The processes of a run as one of them sees them, and how their ranks share windows out. A
/// process is one rank, or several as threads where the recipe has `training.virtual_shards`.
///
/// @param number of processes
/// @param here those on this process's machine, itself too
/// @param cores this process's share of its machine's; 0: all of them
/// @param sequenceRanks so many ranks share each window, a divisor of all ranks; 0: all of them
public record Processes(int number, int here, int cores, int sequenceRanks) {
  /// A run of one process, which has its machine to itself.
  public static final Processes ONE = new Processes(1, 1, 0, 0);

  public Processes {
    if (number < 1 || here < 1 || here > number || cores < 0 || sequenceRanks < 0) {
      throw new IllegalArgumentException(
          String.format(
              Locale.ROOT,
              "processes must be positive and no fewer than those of a machine: number=%d, here=%d, cores=%d, sequenceRanks=%d",
              number,
              here,
              cores,
              sequenceRanks));
    }
  }

  /// All ranks.
  ///
  /// @throws IllegalArgumentException where the processes cannot share the ranks equally, or the
  ///   ranks of a window do not divide them
  RankMesh mesh(RunConfig config) {
    int shards = config.training().virtualShards();
    int ranks = shards == 0 ? number : shards;
    if (ranks % number != 0) {
      throw new FieldException(
          "%s must be a multiple of the processes, %d",
          Field.of("training.virtual_shards", shards), number);
    }
    return new RankMesh(ranks, sequenceRanks == 0 ? ranks : sequenceRanks);
  }

  /// How each rank computes.
  RuntimeConfig runtime(RunConfig config) {
    RuntimeConfig given = config.runtime();
    boolean virtual = config.training().virtualShards() > 0;
    if (given.threads() > 0 || number == 1 && !virtual) {
      return given;
    }
    // The same number for every number of processes: it decides about bits.
    return given.withThreads(virtual ? 1 : cores);
  }

  int ranksHere(RunConfig config) {
    return mesh(config).ranks() / number * here;
  }

  /// What the ranks of this machine need together: the program is there once a process.
  long memoryBytes(RunConfig config, Forecast ofARank) {
    return ofARank.memoryBytes(ranksHere(config), here);
  }

  /// The rate of all ranks' matrix products over that of one rank alone: the ranks of a process
  /// have no more than its cores.
  ///
  /// @param processors of this machine
  double together(RunConfig config, int processors) {
    int threads = Math.min(runtime(config).threads(), processors);
    int ranksEach = mesh(config).ranks() / number;
    return threads == 0
        ? number
        : number * Math.min(ranksEach, (double) (cores == 0 ? processors : cores) / threads);
  }
}
