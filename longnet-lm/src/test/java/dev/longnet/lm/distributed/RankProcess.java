// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/// A rank in a process of its own, see [RankMain]. Its lines are read as they come; it is killed
/// when this is closed, and ends by itself when the test's process does.
final class RankProcess implements AutoCloseable {
  private final int rank;
  private final Process process;
  private final LinkedBlockingQueue<String> lines = new LinkedBlockingQueue<>();
  private final List<String> all = new ArrayList<>();

  private RankProcess(int rank, Process process) {
    this.rank = rank;
    this.process = process;
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try (BufferedReader reader = process.inputReader(UTF_8)) {
            reader.lines().forEach(this::add);
          } catch (IOException | java.io.UncheckedIOException e) {
            add("the reader ended: " + e);
          }
        });
  }

  private void add(String line) {
    synchronized (all) {
      all.add(line);
    }
    lines.add(line);
  }

  /// @param arguments of [RankMain] after its scenario and rank
  static RankProcess start(String scenario, int rank, Object... arguments) throws IOException {
    return startWith(List.of(), scenario, rank, arguments);
  }

  /// @param prefix a command that runs the rest of its arguments
  static RankProcess startWith(List<String> prefix, String scenario, int rank, Object... arguments)
      throws IOException {
    List<String> command = new ArrayList<>(prefix);
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.addAll(
        List.of(
            "-Xmx256m",
            "-XX:+UseSerialGC",
            "-XX:TieredStopAtLevel=" + (scenario.equals("bench") ? 4 : 1),
            "--add-modules=jdk.incubator.vector",
            "--enable-native-access=ALL-UNNAMED",
            "-Dstdout.encoding=UTF-8",
            "-Dorg.bytedeco.javacpp.maxphysicalbytes=0",
            "-Dorg.bytedeco.javacpp.maxbytes=0",
            "-cp",
            classPath(),
            RankMain.class.getName(),
            scenario,
            "" + rank));
    for (Object argument : arguments) {
      command.add(argument.toString());
    }
    return new RankProcess(rank, new ProcessBuilder(command).redirectErrorStream(true).start());
  }

  /// This test's, whoever runs it: Maven, an IDE, JUnit's console.
  private static String classPath() {
    if (RankProcess.class.getClassLoader() instanceof URLClassLoader loader) {
      List<String> paths = new ArrayList<>();
      for (URL url : loader.getURLs()) {
        paths.add(Path.of(java.net.URI.create(url.toString())).toString());
      }
      return String.join(java.io.File.pathSeparator, paths);
    }
    return System.getProperty("java.class.path");
  }

  /// Waits for a line that begins so.
  ///
  /// @return what follows
  String await(String beginning, int seconds) throws InterruptedException {
    long deadline = System.nanoTime() + seconds * 1_000_000_000L;
    while (true) {
      String line = lines.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (line == null) {
        throw new AssertionError(
            "rank %d said no %s within %d s: %s".formatted(rank, beginning, seconds, said()));
      }
      if (line.startsWith(beginning)) {
        return line.substring(beginning.length()).strip();
      }
    }
  }

  /// All lines up to now.
  String said() {
    synchronized (all) {
      return String.join("\n", all);
    }
  }

  void signal(String name) throws IOException, InterruptedException {
    Process kill = new ProcessBuilder("kill", "-" + name, "" + process.pid()).inheritIO().start();
    if (!kill.waitFor(5, TimeUnit.SECONDS) || kill.exitValue() != 0) {
      throw new AssertionError("kill -" + name + " failed");
    }
  }

  long pid() {
    return process.pid();
  }

  int exitCode(int seconds) throws InterruptedException {
    if (!process.waitFor(seconds, TimeUnit.SECONDS)) {
      throw new AssertionError("rank " + rank + " still runs: " + said());
    }
    return process.exitValue();
  }

  @Override
  public void close() {
    process.destroyForcibly();
    try {
      process.waitFor(5, TimeUnit.SECONDS);
    } catch (InterruptedException _) {
      Thread.currentThread().interrupt();
    }
  }
}
