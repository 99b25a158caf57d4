// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import dev.longnet.attention.WorkerTeam;
import dev.longnet.attention.Workers;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.util.List;
import java.util.function.LongConsumer;
import java.util.stream.IntStream;
import org.bytedeco.javacpp.PointerScope;

/// The threads of a model's passes. On the CPU each takes whole tiles of tokens through many
/// operations, libtorch's included, which then use that one thread: to wake libtorch's own threads
/// for every operation costs more than a small model's operations take (docs/log.md). On a GPU it
/// is the caller's thread alone.
///
/// Results depend on the number of threads no further than [Shape#tiles()] does.
final class Crew implements Workers, AutoCloseable {
  /// One task.
  @FunctionalInterface
  interface Task {
    /// In a scope and a frame of its own.
    ///
    /// @param temporaries the working thread's own memory
    void run(int index, Workspace temporaries);
  }

  private final WorkerTeam team;
  private final List<Workspace> temporaries;

  /// Helpers that have been told to use one thread in libtorch's operations.
  private final boolean[] told;

  private final boolean gpu;

  Crew(Parameters parameters, ModelOptions options) {
    this.gpu = !options.device().equals("cpu");
    int threads =
        gpu
            ? 1
            : options.threads() == 0
                ? Runtime.getRuntime().availableProcessors()
                : options.threads();
    this.temporaries =
        IntStream.range(0, threads).mapToObj(_ -> new Workspace(parameters)).toList();
    this.told = new boolean[threads];
    this.team = new WorkerTeam(threads);
  }

  /// Within it the calling thread's libtorch operations use one thread, as the helpers' do.
  TorchThreads open() {
    return Torch.threads(gpu ? Torch.threads() : 1);
  }

  @Override
  public int size() {
    return team.size();
  }

  /// Runs tasks 0 … tasks - 1, in any order on any thread; returns when all are done. The first
  /// exception is thrown here.
  void run(int tasks, Task task) {
    team.run(
        tasks,
        (index, worker) -> {
          if (worker > 0 && !told[worker]) {
            Torch.useOneThread();
            told[worker] = true;
          }
          Workspace own = temporaries.get(worker);
          try (PointerScope _ = new PointerScope();
              Workspace.Frame _ = own.frame()) {
            task.run(index, own);
          }
        });
  }

  /// One tile's task.
  @FunctionalInterface
  interface TileTask {
    /// As [Task#run].
    void run(Tile tile, Workspace temporaries);
  }

  /// As [#run(int, Task)], a task a tile.
  void run(List<Tile> tiles, TileTask task) {
    run(tiles.size(), (i, temporaries) -> task.run(tiles.get(i), temporaries));
  }

  @Override
  public void run(long tasks, LongConsumer task) {
    team.run(tasks, task);
  }

  long temporaryBytes() {
    return temporaries.stream().mapToLong(Workspace::bytes).sum();
  }

  /// Gives the memory of all threads back; between runs alone.
  void forgetTemporaries() {
    temporaries.forEach(Workspace::close);
  }

  @Override
  public void close() {
    team.close();
    forgetTemporaries();
  }
}
