// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.launch.LaunchEnvironment;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.time.ZoneOffset;
import java.time.ZonedDateTime;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/// Starts the ranks of a run as processes of this machine and watches over them until the last has
/// ended. The first writes where this process does; the others write to logs in the run.
///
/// @param leave how long ranks may take to leave by themselves once one of them has failed
record LocalRanks(RankCommand command, Duration leave) implements Ranks {
  /// A rank's exit code where the store's port is another program's: it was free a moment before.
  static final int PORT_TAKEN = 76;

  /// How long a rank may take to say that it lost another, and leave.
  static final Duration GRACE = Duration.ofSeconds(5);

  /// A process that was killed and is there yet waits for a disk that does not answer.
  private static final Duration DYING = Duration.ofSeconds(10);

  static final int TRIES = 3;

  /// Linux hands out ports from 32,768 by itself.
  private static final int FIRST_PORT = 20_000;

  private static final int PORTS = 12_000;

  /// @param timeout after which a rank notices that another is gone
  static LocalRanks of(RankCommand command, Duration timeout) {
    return new LocalRanks(command, timeout.plus(GRACE));
  }

  @Override
  public int cores(int size) {
    return Math.max(1, Runtime.getRuntime().availableProcessors() / size);
  }

  @Override
  public String logs(Path run) {
    return "what others than rank 0 print: " + run.resolve(RunDirectory.RANK_LOGS);
  }

  @Override
  public RanksEnd run(int size, Handover handover) throws IOException {
    for (int tries = 1; ; tries++) {
      int port = freePort();
      RanksEnd end = once(size, port, handover);
      if (end.code(0).orElse(0) != PORT_TAKEN) {
        return end;
      }
      if (tries == TRIES) {
        throw new EnvironmentException(
            "no port could be had on 127.0.0.1, the last one tried was " + port + ": try again");
      }
    }
  }

  private RanksEnd once(int size, int port, Handover handover) throws IOException {
    List<Process> processes = new ArrayList<>();
    // Not Process.destroy: it would close the pipe whose end a rank takes for this process's.
    try (StopOnInterrupt stop =
        StopOnInterrupt.install(() -> {
          synchronized (processes) {
            processes.forEach(p -> p.toHandle().destroy());
          }
        })) {
      for (int rank = 0; rank < size && !stop.requested(); rank++) {
        Process process = start(rank, size, port, handover);
        synchronized (processes) {
          processes.add(process);
        }
        if (stop.requested()) {
          process.toHandle().destroy();
        }
      }
      return watch(processes, handover.run(), stop);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while ranks run", e);
    } finally {
      processes.forEach(Process::destroyForcibly);
    }
  }

  private Process start(int rank, int size, int port, Handover handover) throws IOException {
    ProcessBuilder builder = new ProcessBuilder(command.words());
    Map<String, String> environment = builder.environment();
    handover.putInto(environment);
    environment.put(LaunchEnvironment.STARTED_BY, Long.toString(ProcessHandle.current().pid()));
    environment.put("RANK", Integer.toString(rank));
    environment.put("WORLD_SIZE", Integer.toString(size));
    environment.put("LOCAL_RANK", Integer.toString(rank));
    environment.put("LOCAL_WORLD_SIZE", Integer.toString(size));
    environment.put("MASTER_ADDR", "127.0.0.1");
    environment.put("MASTER_PORT", Integer.toString(port));
    builder.redirectInput(ProcessBuilder.Redirect.PIPE); // see ParentWatch
    if (rank == 0) {
      builder.redirectOutput(ProcessBuilder.Redirect.INHERIT);
      builder.redirectError(ProcessBuilder.Redirect.INHERIT);
    } else {
      Path log = RunDirectory.rankLog(handover.run(), rank);
      Files.createDirectories(log.getParent());
      Files.writeString(
          log,
          String.format(
              Locale.ROOT,
              "--- rank %d of %d, %s%n",
              rank,
              size,
              ZonedDateTime.now(ZoneOffset.UTC).truncatedTo(ChronoUnit.SECONDS)),
          UTF_8,
          StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
      builder.redirectErrorStream(true);
      builder.redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()));
    }
    return builder.start();
  }

  private RanksEnd watch(List<Process> processes, Path run, StopOnInterrupt stop)
      throws InterruptedException {
    BlockingQueue<Integer> ended = new LinkedBlockingQueue<>();
    for (int rank = 0; rank < processes.size(); rank++) {
      int number = rank;
      var _ = processes.get(rank).onExit().thenRun(() -> ended.add(number));
    }
    List<RanksEnd.One> ends = new ArrayList<>();
    @Nullable Long deadline = null;
    boolean destroyed = false;
    while (ends.size() < processes.size()) {
      Integer rank =
          deadline == null
              ? ended.take()
              : ended.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
      if (rank == null) {
        if (destroyed) {
          break;
        }
        destroyed = true;
        processes.forEach(Process::destroyForcibly);
        deadline = System.nanoTime() + DYING.toNanos();
        continue;
      }
      RanksEnd.One end = new RanksEnd.One(rank, processes.get(rank).exitValue(), destroyed);
      ends.add(end);
      if (end.code() == PORT_TAKEN) {
        deadline = System.nanoTime(); // nobody can find the others
      } else if (deadline == null && end.fatal()) {
        deadline = System.nanoTime() + leave.toNanos();
        processes.forEach(process -> tell(process, end.said(processes.size())));
      }
    }
    return new RanksEnd(
        ends,
        processes.size(),
        rank -> RunDirectory.rankLog(run, rank).toString(),
        stop.requested());
  }

  /// Tells a rank which other one is gone, see [ParentWatch].
  private static void tell(Process rank, String line) {
    try {
      OutputStream input = rank.getOutputStream();
      input.write((line + "\n").getBytes(UTF_8));
      input.flush();
    } catch (IOException gone) {
      // Then it needs no word.
    }
  }

  private static int freePort() {
    for (int tries = 0; tries < 100; tries++) {
      int port = FIRST_PORT + ThreadLocalRandom.current().nextInt(PORTS);
      if (isFree(port)) {
        return port;
      }
    }
    throw new EnvironmentException(
        "no port from "
            + FIRST_PORT
            + " to "
            + (FIRST_PORT + PORTS - 1)
            + " is free: see what listens on this machine");
  }

  /// Whether a store could be served there.
  static boolean isFree(int port) {
    try (ServerSocket socket = new ServerSocket()) {
      socket.bind(new InetSocketAddress(port));
      return true;
    } catch (IOException taken) {
      return false;
    }
  }
}
