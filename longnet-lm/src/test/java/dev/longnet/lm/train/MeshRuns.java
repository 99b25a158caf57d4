// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import dev.longnet.core.io.FieldMessage;
import dev.longnet.lm.attention.AttentionOperators;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.ThreadCollectives;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Stream;

/// Tiny runs on several ranks, each a thread.
final class MeshRuns {
  private MeshRuns() {}

  /// A run's overrides and more of them.
  static String[] with(String[] run, String... more) {
    return Stream.concat(Stream.of(run), Stream.of(more)).toArray(String[]::new);
  }

  /// How a rank's run ended.
  record Ended(Trainer.End end, List<StepMetrics> steps, float[] weights) {
    List<Double> losses() {
      return steps.stream().map(StepMetrics::loss).toList();
    }
  }

  /// Is called before a rank trains.
  interface Before {
    void train(int rank, TinyRun run);
  }

  /// @param groups of ranks that share out the windows
  /// @param shards of each window
  static List<Ended> run(
      Path directory, boolean resume, int groups, int shards, Before before, String... overrides)
      throws Exception {
    return run(directory, resume, groups, shards, before, _ -> overrides);
  }

  /// @param overrides of each rank
  static List<Ended> run(
      Path directory,
      boolean resume,
      int groups,
      int shards,
      Before before,
      IntFunction<String[]> overrides)
      throws Exception {
    return run(_ -> directory, resume, groups, shards, before, overrides);
  }

  /// @param directory of each rank: several where ranks see different disks
  static List<Ended> run(
      IntFunction<Path> directory,
      boolean resume,
      int groups,
      int shards,
      Before before,
      IntFunction<String[]> overrides)
      throws Exception {
    List<Collectives> world = ThreadCollectives.of(groups * shards);
    try (ExecutorService threads = Executors.newFixedThreadPool(world.size())) {
      List<Future<Ended>> ranks = new ArrayList<>();
      for (Collectives one : world) {
        ranks.add(
            threads.submit(() -> {
              try {
                return train(
                    directory.apply(one.rank()),
                    resume,
                    one,
                    shards,
                    before,
                    overrides.apply(one.rank()));
              } catch (Throwable e) {
                one.abort(FieldMessage.of(e));
                throw e;
              }
            }));
      }
      List<Ended> ended = new ArrayList<>();
      for (Future<Ended> rank : ranks) {
        ended.add(rank.get(2, TimeUnit.MINUTES));
      }
      return ended;
    }
  }

  static List<Ended> run(Path directory, int groups, int shards, String... overrides)
      throws Exception {
    return run(directory, false, groups, shards, (_, _) -> {}, overrides);
  }

  private static Ended train(
      Path directory,
      boolean resume,
      Collectives world,
      int shards,
      Before before,
      String... overrides)
      throws IOException {
    try (Mesh mesh = Mesh.of(world, shards);
        TinyRun run =
            TinyRun.with(
                directory,
                resume,
                mesh,
                config -> AttentionOperators.sequenceParallel(config.runtime(), mesh.shards()),
                overrides)) {
      before.train(world.rank(), run);
      return ended(run);
    }
  }

  /// On one rank, as without ranks.
  static Ended alone(Path directory, boolean resume, String... overrides) throws IOException {
    try (TinyRun run =
        resume ? TinyRun.resume(directory, overrides) : TinyRun.start(directory, overrides)) {
      return ended(run);
    }
  }

  private static Ended ended(TinyRun run) throws IOException {
    Trainer.End end = run.run();
    return new Ended(end, List.copyOf(run.steps), run.weights());
  }
}
