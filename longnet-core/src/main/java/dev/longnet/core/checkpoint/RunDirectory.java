// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.checkpoint;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.Channel;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;

/// Where a run keeps everything: `recipe.yaml`, `metrics.jsonl`, `tensorboard/`,
/// `checkpoints/step-00000123/`, `environment.json`, `tokenizer.json` where the tokenizer is a
/// file, `ranks/` where several ranks train, and at its end `evaluation.json`, `sample.txt`,
/// `report.html`. One process at a time writes in it, logs of ranks aside; [#close()] lets the next
/// one in.
public final class RunDirectory implements Closeable {
  /// What messages call the path.
  private static final Field RUN = Field.of("run");

  /// Where ranks other than the first write what they would print. It may be there before the run.
  public static final String RANK_LOGS = "ranks";

  private static final Set<String> BEFORE_A_RUN = Set.of(".lock", RANK_LOGS);

  private final Path path;
  private final Optional<FileLock> lock;

  private RunDirectory(Path path, Optional<FileLock> lock) {
    this.path = path;
    this.lock = lock;
  }

  /// The directory of a run that another rank writes: it may not be there yet, and nothing is
  /// created, locked or deleted.
  public static RunDirectory ofAnotherRank(Path path) {
    return new RunDirectory(path, Optional.empty());
  }

  /// A new run.
  ///
  /// @throws IllegalArgumentException when a run is there already
  public static RunDirectory create(Path path) throws IOException {
    requireNew(path);
    Files.createDirectories(path);
    return locked(path);
  }

  /// Refuses a path at which no new run can begin.
  ///
  /// @throws IllegalArgumentException when a run is there already, or something else
  public static void requireNew(Path path) throws IOException {
    if (Files.exists(path) && !Files.isDirectory(path)) {
      throw new FieldException("%s must name a directory, this is a file: %s", RUN, path);
    }
    if (Files.exists(path.resolve("recipe.yaml"))) {
      throw new FieldException(
          "%s holds a run already: continue it with %s, or name another directory with %s",
          path, Field.of("resume"), RUN);
    }
    if (Files.isDirectory(path)) {
      try (Stream<Path> files = Files.list(path)) {
        boolean locked = Files.exists(path.resolve(".lock"));
        if (files.anyMatch(p -> !isBeforeARun(p, locked))) {
          throw new FieldException("%s must be a new or an empty directory: %s", RUN, path);
        }
      }
    }
  }

  /// @param locked whether a run was about to begin there, which may have been killed
  private static boolean isBeforeARun(Path file, boolean locked) {
    String name = file.getFileName().toString();
    return BEFORE_A_RUN.contains(name)
        || locked && (name.equals(Checkpoint.TOKENIZER) || AtomicFiles.isLeftover(file));
  }

  /// A run that was begun before.
  ///
  /// @throws IllegalArgumentException when there is none
  public static RunDirectory existing(Path path) throws IOException {
    if (!Files.isRegularFile(path.resolve("recipe.yaml"))) {
      throw new IllegalArgumentException("no run to resume in " + path + ": it has no recipe.yaml");
    }
    return locked(path);
  }

  /// Lets go of the lock again where anything fails.
  private static RunDirectory locked(Path path) throws IOException {
    FileChannel channel =
        FileChannel.open(
            path.resolve(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    try {
      FileLock lock;
      try {
        lock = channel.tryLock();
      } catch (OverlappingFileLockException sameProcess) {
        lock = null;
      }
      if (lock == null) {
        throw new IllegalArgumentException("another process trains in this run: " + path);
      }
      RunDirectory run = new RunDirectory(path, Optional.of(lock));
      run.removeLeftovers();
      return run;
    } catch (IOException | RuntimeException | Error e) {
      try (channel) {
        throw e;
      }
    }
  }

  /// A process that was killed while it wrote leaves its temporaries.
  private void removeLeftovers() throws IOException {
    for (Path directory : List.of(path, path.resolve("checkpoints"))) {
      if (Files.isDirectory(directory)) {
        try (Stream<Path> files = Files.list(directory)) {
          for (Path p : files.filter(AtomicFiles::isLeftover).toList()) {
            AtomicFiles.deleteRecursively(p);
          }
        }
      }
    }
  }

  public Path path() {
    return path;
  }

  public Path recipe() {
    return path.resolve("recipe.yaml");
  }

  public Path metrics() {
    return path.resolve("metrics.jsonl");
  }

  /// The run's copy of its tokenizer's file, where the tokenizer is one.
  public Path tokenizer() {
    return path.resolve(Checkpoint.TOKENIZER);
  }

  public Path tensorBoard() {
    return path.resolve("tensorboard");
  }

  /// What a rank other than the first writes instead of printing it.
  ///
  /// @param run the run's directory
  public static Path rankLog(Path run, int rank) {
    return run.resolve(RANK_LOGS).resolve("rank-" + rank + ".log");
  }

  /// The default place of a recipe's next run: `runs/NAME`, or with the first free number behind
  /// it.
  public static Path next(Path runs, String name) {
    Path path = runs.resolve(name);
    for (int number = 2; Files.exists(path); number++) {
      path = runs.resolve(name + "-" + number);
    }
    return path;
  }

  /// The run of a recipe that was begun last in the default place.
  ///
  /// @throws IllegalArgumentException when there is none
  public static Path latest(Path runs, String name) {
    Path found = null;
    Path path = runs.resolve(name);
    for (int number = 2; Files.exists(path); number++) {
      found = path;
      path = runs.resolve(name + "-" + number);
    }
    if (found == null) {
      throw new FieldException(
          "no run to resume: %s does not exist (name one with %s)", runs.resolve(name), RUN);
    }
    return found;
  }

  @Override
  public void close() throws IOException {
    if (lock.isEmpty()) {
      return;
    }
    try (Channel _ = lock.get().acquiredBy()) { // lets go of the lock
      if (!Files.exists(recipe())) {
        // The run never began: no empty directory stays behind.
        Files.deleteIfExists(path.resolve(".lock"));
        Files.delete(path);
      }
    } catch (DirectoryNotEmptyException somethingElseIsThere) {
      // Not ours to delete.
    }
  }
}
