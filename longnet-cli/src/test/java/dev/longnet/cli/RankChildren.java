// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// The ranks of one `longnet train`, started as a launcher does: processes of this machine with
/// variables of their own. All of them are killed when this is closed.
///
/// @param folder for what they print and their cache
/// @param ends when each ended, [System#nanoTime]
/// @param network where each rank has a machine of its own; empty: they share this one
record RankChildren(
    Path folder,
    Path cache,
    int size,
    int port,
    Optional<RankNetwork> network,
    List<Object> words,
    Map<Integer, Process> processes,
    Map<Integer, Long> ends)
    implements AutoCloseable {

  private static final List<String> FLAGS =
      List.of("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1");

  /// @param words of the command line
  static RankChildren of(
      Path folder, Path cache, int size, @Nullable RankNetwork network, Object... words)
      throws IOException {
    Files.createDirectories(folder);
    int port = 20_000 + (int) (Math.random() * 12_000);
    return new RankChildren(
        folder,
        cache,
        size,
        port,
        Optional.ofNullable(network),
        List.of(words),
        new TreeMap<>(),
        new ConcurrentHashMap<>());
  }

  /// `longnet train` in small processes, one or more, that soon begin.
  private static ProcessBuilder train(Path cache, List<String> flags, List<?> words) {
    List<String> all = new ArrayList<>(FLAGS);
    all.addAll(flags);
    List<Object> arguments = new ArrayList<>(List.of("train"));
    arguments.addAll(words);
    ProcessBuilder builder = new ProcessBuilder(Child.command(all, arguments));
    Map<String, String> environment = builder.environment();
    environment.put("OPENBLAS_THREAD_TIMEOUT", "4");
    environment.put("OMP_WAIT_POLICY", "PASSIVE");
    environment.put("XDG_CACHE_HOME", cache.toString());
    return builder;
  }

  /// A process that starts ranks of one thread by itself, and goes on with a run that has begun.
  ///
  /// @param settings of the recipe
  static ProcessBuilder startedBy(
      Path cache, Path recipe, Path run, int ranks, int restarts, String... settings) {
    List<Object> words = new ArrayList<>();
    words.addAll(List.of("--recipe", recipe, "--out", run, "--resume-if-begun", "--ranks", ranks));
    if (restarts > 0) {
      words.addAll(List.of("--restarts", restarts));
    }
    words.addAll(List.of("--set", "runtime.threads=1"));
    for (String setting : settings) {
      words.addAll(List.of("--set", setting));
    }
    return train(cache, List.of(), words);
  }

  void start(int rank) throws IOException {
    ProcessBuilder builder =
        train(cache, List.of("-XX:ErrorFile=" + folder.resolve("hs_err-" + rank)), words);
    network.ifPresent(n -> builder.command().addAll(0, n.prefix(rank)));
    Map<String, String> environment = builder.environment();
    environment.put("RANK", "" + rank);
    environment.put("WORLD_SIZE", "" + size);
    environment.put("MASTER_ADDR", network.isPresent() ? RankNetwork.address(0) : "127.0.0.1");
    environment.put("MASTER_PORT", "" + port);
    Process process =
        builder
            .redirectOutput(folder.resolve("out-" + rank).toFile())
            .redirectError(folder.resolve("err-" + rank).toFile())
            .start();
    processes.put(rank, process);
    var _ = process.onExit().thenRun(() -> ends.put(rank, System.nanoTime()));
  }

  Process rank(int rank) {
    return processes.get(rank);
  }

  void all(Signals signal) {
    processes.values().forEach(signal::send);
  }

  boolean anyEnded() {
    return processes.values().stream().anyMatch(process -> !process.isAlive());
  }

  /// Whether a rank has met the store: rank 0 serves it, another one is connected.
  boolean metTheStore(int rank) throws IOException {
    Path own = Path.of("/proc/" + rank(rank).pid());
    String wanted = String.format(":%04X ", port);
    List<String> sockets = new ArrayList<>();
    try (var files = Files.list(own.resolve("fd"))) {
      for (Path file : files.toList()) {
        try {
          sockets.add(Files.readSymbolicLink(file).toString());
        } catch (IOException closedMeanwhile) {
          // Another one.
        }
      }
    }
    for (String table : List.of("net/tcp", "net/tcp6")) {
      if (!Files.exists(own.resolve(table))) { // no IPv6
        continue;
      }
      for (String line : Files.readAllLines(own.resolve(table))) {
        String[] words = line.strip().split(" +");
        boolean there =
            rank == 0
                ? (words[1] + " ").endsWith(wanted) && words[3].equals("0A")
                : (words[2] + " ").endsWith(wanted) && words[3].equals("01");
        if (there && sockets.contains("socket:[" + words[9] + "]")) {
          return true;
        }
      }
    }
    return false;
  }

  /// What a rank wrote to standard error, without the JVM's warnings.
  List<String> err(int rank) throws IOException {
    return Files.readAllLines(folder.resolve("err-" + rank)).stream()
        .filter(line -> !line.startsWith("WARNING: "))
        .toList();
  }

  String said(int rank) throws IOException {
    return "rank "
        + rank
        + " printed:\n"
        + Files.readString(folder.resolve("out-" + rank))
        + Files.readString(folder.resolve("err-" + rank));
  }

  @Override
  public void close() throws InterruptedException {
    for (Process process : processes.values()) {
      process.destroyForcibly();
      process.waitFor(20, TimeUnit.SECONDS);
    }
  }
}
