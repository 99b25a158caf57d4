// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.net.ServerSocket;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.TaskKilledException;
import scala.collection.Iterator;
import scala.collection.Iterator$;
import scala.runtime.AbstractFunction1;

/// What a task of the barrier stage does: it starts a rank as a process, hands its lines to the
/// executor's standard output, and ends as the rank ends. The rank's standard input is a pipe of
/// the executor, and it ends with the executor.
final class RankTask extends AbstractFunction1<Iterator<Integer>, Iterator<Integer>>
    implements Serializable {
  private static final long serialVersionUID = 1L;

  private static final int MISTAKE = 2;

  /// How long a rank that lost another waits for that one's end to reach the driver first.
  private static final long GRACE_SECONDS = 5;

  private static final long POLL_MILLIS = 200;

  private final String[] command;
  private final String directory;
  private final int cores;
  private final long leaveSeconds;
  private final TreeMap<String, String> told;

  /// @param command of every rank
  /// @param directory where it runs
  /// @param cores of a task
  RankTask(List<String> command, String directory, int cores, Request request) {
    this.command = command.toArray(new String[0]);
    this.directory = directory;
    this.cores = cores;
    this.leaveSeconds = request.leaveSeconds();
    this.told = new TreeMap<>(request.told());
  }

  /// @return the rank's exit code
  @Override
  public Iterator<Integer> apply(Iterator<Integer> partition) {
    BarrierTaskContext context = BarrierTaskContext.get();
    int rank = context.partitionId();
    List<String> hosts =
        Arrays.stream(context.getTaskInfos())
            .map(info -> RankEnvironment.host(info.address()))
            .toList();
    String port = context.allGather(rank == 0 ? Integer.toString(freePort()) : "")[0];
    Map<String, String> variables = new TreeMap<>(told);
    variables.putAll(
        RankEnvironment.of(
            rank, hosts, Integer.parseInt(port), cores, ProcessHandle.current().pid()));
    Process process = start(rank, hosts, variables);
    Lines lines = new Lines(process.inputReader(UTF_8));
    try {
      lines.start();
      while (!process.waitFor(POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        if (context.isInterrupted()) {
          throw killed(process);
        }
      }
      int code = process.exitValue();
      // Whom a signal ended could not say why.
      String why = code > 128 ? "" : lines.last();
      RankEnd end = new RankEnd(rank, hosts.size(), hosts.get(rank), code, why);
      if (end.isConsequence()) {
        waitUnlessKilled(context);
      }
      if (!end.good()) {
        throw new RankFailure(end);
      }
      return Iterator$.MODULE$.single(end.code());
    } catch (InterruptedException e) {
      throw killed(process);
    } finally {
      process.destroyForcibly();
    }
  }

  private Process start(int rank, List<String> hosts, Map<String, String> variables) {
    ProcessBuilder builder =
        new ProcessBuilder(command).directory(new File(directory)).redirectErrorStream(true);
    builder.environment().putAll(variables);
    try {
      return builder.start();
    } catch (IOException e) {
      // Of a rank that is not there, so of a path that others see.
      throw new RankFailure(
          new RankEnd(
              rank,
              hosts.size(),
              hosts.get(rank),
              MISTAKE,
              "spark.longnet.command and spark.longnet.directory must be there on every executor: "
                  + e.getMessage()));
    }
  }

  /// The rank is asked to stop: ranks that are all asked save a checkpoint together.
  private TaskKilledException killed(Process process) {
    // Not Process.destroy: it closes the pipe whose end a rank takes for the executor's.
    process.toHandle().destroy();
    try {
      process.waitFor(leaveSeconds, TimeUnit.SECONDS);
    } catch (InterruptedException again) {
      Thread.currentThread().interrupt();
    }
    return new TaskKilledException("its rank was ended");
  }

  private static void waitUnlessKilled(BarrierTaskContext context) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(GRACE_SECONDS);
    while (System.nanoTime() < end && !context.isInterrupted()) {
      Thread.sleep(POLL_MILLIS);
    }
  }

  private static int freePort() {
    try (ServerSocket socket = new ServerSocket(0)) {
      return socket.getLocalPort();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /// What the rank prints, on its way to the executor's standard output.
  private static final class Lines extends Thread {
    /// How the program's own lines begin.
    private static final String OWN = "longnet: ";

    private final BufferedReader from;
    private volatile String last = "";

    Lines(BufferedReader from) {
      super("rank-output");
      setDaemon(true);
      this.from = from;
    }

    @Override
    public void run() {
      try (from) {
        for (String line = from.readLine(); line != null; line = from.readLine()) {
          System.out.println(line);
          if (line.startsWith(OWN)) {
            last = line.substring(OWN.length());
          }
        }
      } catch (IOException e) {
        System.out.println(OWN + "the rank's output ended: " + e.getMessage());
      }
    }

    /// The last line that the program said of itself, once it has ended.
    String last() throws InterruptedException {
      join(2_000);
      return last;
    }
  }
}
