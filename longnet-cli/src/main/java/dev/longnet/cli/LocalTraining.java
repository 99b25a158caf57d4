// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import dev.longnet.core.checkpoint.Checkpoint;
import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.io.AtomicFiles;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;

/// A run whose ranks this program starts. After a loss they are started again, as often as the user
/// said.
///
/// @param ranks starts them
/// @param virtualShards of the recipe: so many ranks are threads of the processes; 0: each process
///   is a rank
/// @param threads of each rank; 0: processes share the cores, virtual shards have one each
/// @param initial the run starts with another one's weights, which it has again in its first
///   checkpoint only
record LocalTraining(
    Ranks ranks,
    RankOptions options,
    int virtualShards,
    int threads,
    boolean initial,
    PrintWriter err) {

  /// @param size how many ranks
  /// @param first what the first ones are told
  /// @return the exit code
  int run(int size, Handover first) throws IOException {
    Path run = first.run();
    int now = size;
    Handover handover = first;
    for (int restart = 0; ; restart++) {
      say(started(now, run));
      RanksEnd end = ranks.run(now, handover);
      if (!end.lost() || end.stopped() || restart == options.restarts) {
        String how = end.lost() ? goOn(run) : "";
        end.line().ifPresent(line -> say(line + how));
        removeUnlessBegun(run, end);
        return end.exitCode();
      }
      List<Path> saved = begun(run) ? Checkpoint.list(run) : List.of();
      if (saved.isEmpty() && initial && begun(run)) {
        say(
            end.line().orElse("a rank was lost")
                + "; not started again: the weights it began with are in no checkpoint yet");
        return end.exitCode();
      }
      handover = new Handover(run, begun(run), first.terminal());
      now = options.afterLoss(size);
      say(
          String.format(
              Locale.ROOT,
              "%s; restart %d of %d, %s, with %s",
              end.line().orElse("a rank was lost"),
              restart + 1,
              options.restarts,
              saved.isEmpty() ? "from the beginning" : "from " + saved.getLast(),
              number(now)));
    }
  }

  private String started(int size, Path run) {
    int shared = virtualShards > 0 ? 1 : ranks.cores(size);
    int each = threads > 0 ? threads : shared;
    String threadsEach = each + (each == 1 ? " thread" : " threads");
    String who =
        virtualShards > size
            ? String.format(
                Locale.ROOT,
                "%d process%s of %d ranks, %s a rank",
                size,
                size == 1 ? "" : "es",
                virtualShards / size,
                threadsEach)
            : number(size) + " of " + threadsEach + " each";
    return size == 1 ? who : who + "; " + ranks.logs(run);
  }

  private static String number(int ranks) {
    return ranks + (ranks == 1 ? " rank" : " ranks");
  }

  private static boolean begun(Path run) {
    return Files.exists(run.resolve("recipe.yaml"));
  }

  private static String goOn(Path run) throws IOException {
    return begun(run) && !Checkpoint.list(run).isEmpty()
        ? "; go on from the last checkpoint with: longnet train --resume --out " + run
        : "";
  }

  /// Where the first rank said why there is no run, none is left.
  private static void removeUnlessBegun(Path run, RanksEnd end) throws IOException {
    if (begun(run) || end.line().isPresent() || end.exitCode() == 0) {
      return;
    }
    AtomicFiles.deleteRecursively(run.resolve(RunDirectory.RANK_LOGS));
    try {
      Files.deleteIfExists(run);
    } catch (DirectoryNotEmptyException somethingElseIsThere) {
      // Not ours to delete.
    }
  }

  private void say(String line) {
    err.println("longnet: " + line);
    err.flush();
  }
}
