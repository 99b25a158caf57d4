// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.io.Texts;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;

/// Ranks of this machine in processes of their own ([RankProbe]), with this JVM's options. None
/// outlives [#run]; where this process dies, they end with their input.
///
/// @param folder for what they print
/// @param classPath of their JVMs
record ProbeProcesses(Path folder, String classPath) {
  /// Longer than any of them may take.
  private static final Duration LIMIT = Duration.ofHours(2);

  /// Waits until all have ended.
  ///
  /// @param size how many
  /// @param words what they do
  /// @return what rank 0 printed
  /// @throws IllegalStateException when one fails, with what it said
  List<String> run(int size, List<String> words) throws IOException {
    int port = freePort();
    List<Process> processes = new ArrayList<>();
    try {
      for (int rank = 0; rank < size; rank++) {
        processes.add(start(rank, size, port, words));
      }
      long deadline = System.nanoTime() + LIMIT.toNanos();
      for (int rank = 0; rank < size; rank++) {
        await(rank, processes.get(rank), deadline);
      }
      return Files.readAllLines(out(0), UTF_8);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while ranks run", e);
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
  }

  private void await(int rank, Process process, long deadline)
      throws IOException, InterruptedException {
    if (!process.waitFor(deadline - System.nanoTime(), TimeUnit.NANOSECONDS)) {
      throw new IllegalStateException("rank " + rank + " does not end");
    }
    if (process.exitValue() != 0) {
      List<String> said = Texts.said(err(rank)).lines().toList();
      throw new IllegalStateException(
          String.format(
              Locale.ROOT,
              "rank %d ended with code %d: %s",
              rank,
              process.exitValue(),
              String.join(" | ", said.subList(Math.max(0, said.size() - 20), said.size()))));
    }
  }

  private Process start(int rank, int size, int port, List<String> words) throws IOException {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    for (String option : ManagementFactory.getRuntimeMXBean().getInputArguments()) {
      if (!option.startsWith("-agentlib") && !option.startsWith("-javaagent")) {
        command.add(option);
      }
    }
    command.addAll(
        List.of(
            "-cp",
            classPath,
            RankProbe.class.getName(),
            Integer.toString(rank),
            Integer.toString(size),
            Integer.toString(port)));
    command.addAll(words);
    ProcessBuilder builder = new ProcessBuilder(command);
    // The corpus of a measurement is of no use to others.
    builder.environment().put("XDG_CACHE_HOME", folder.resolve("cache").toString());
    builder.redirectInput(ProcessBuilder.Redirect.PIPE);
    builder.redirectOutput(out(rank).toFile());
    builder.redirectError(err(rank).toFile());
    return builder.start();
  }

  private Path out(int rank) {
    return folder.resolve("rank-" + rank + ".out");
  }

  private Path err(int rank) {
    return folder.resolve("rank-" + rank + ".err");
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.ofLiteral("127.0.0.1"))) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException("no port is free on 127.0.0.1", e);
    }
  }
}
