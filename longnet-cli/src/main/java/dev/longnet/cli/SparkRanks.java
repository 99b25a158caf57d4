// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.EnvironmentException;
import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import dev.longnet.lm.distributed.PeerLostException;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/// Ranks that Spark's tasks start. `longnet-spark`'s driver started this process; a line of ours
/// asks it for ranks, and a line of its own says how they ended.
///
/// @param cores of each task
/// @param leave how long ranks may take to leave by themselves once they are asked to
/// @param driver hears our lines
/// @param answers of the driver
record SparkRanks(int cores, Duration leave, PrintStream driver, BufferedReader answers)
    implements Ranks {
  /// Set by the driver for this process: the cores of a task.
  static final String TASK_CPUS = "LONGNET_SPARK_TASK_CPUS";

  /// How our lines begin; what is printed for people passes through the driver.
  static final String ASKS = "longnet-spark:";

  /// Between the words of a line: no path has it.
  private static final String BETWEEN = "\0";

  SparkRanks(int cores, Duration timeout, InputStream in, PrintStream out) {
    this(
        cores,
        timeout.plus(LocalRanks.GRACE),
        out,
        new BufferedReader(new InputStreamReader(in, UTF_8)));
  }

  /// The cores of a task; empty where Spark's driver did not start this process.
  static Optional<Integer> taskCores(Map<String, String> environment) {
    return Optional.ofNullable(environment.get(TASK_CPUS)).map(Integer::parseInt);
  }

  /// Refuses options that a run on Spark cannot have.
  static void check(RankOptions options) {
    if (options.number().isEmpty()) {
      throw new IllegalArgumentException(
          "--ranks must be given on Spark, it is not: so many tasks are started, each is a rank");
    }
    if (!options.address.isEmpty()) {
      throw new IllegalArgumentException(
          "--rank-address must be left out on Spark, where all ranks would get it (they listen on the interface "
              + "that leads to the executor of rank 0): --rank-address="
              + options.address);
    }
  }

  /// Refuses more threads than a task has cores.
  static void checkThreads(RuntimeConfig runtime, int cores) {
    if (runtime.threads() > cores) {
      throw new FieldException(
          "%s must be at most spark.task.cpus=" + cores + ", the cores of a task: %s",
          Field.of("runtime.threads"),
          Field.of("runtime.threads", runtime.threads()));
    }
  }

  @Override
  public int cores(int size) {
    return cores;
  }

  @Override
  public String logs(Path run) {
    return "what they print: the executors' standard output";
  }

  @Override
  public RanksEnd run(int size, Handover handover) throws IOException {
    for (int tries = 1; ; tries++) {
      RanksEnd end = once(size, handover);
      if (end.code(0).orElse(0) != LocalRanks.PORT_TAKEN) {
        return end;
      }
      if (tries == LocalRanks.TRIES) {
        throw new EnvironmentException(
            "no port could be had on the machine of rank 0, " + tries + " were tried: try again");
      }
    }
  }

  private RanksEnd once(int size, Handover handover) throws IOException {
    Map<String, String> told = new TreeMap<>();
    new Handover(handover.run().toAbsolutePath(), handover.resume(), handover.terminal())
        .putInto(told);
    List<String> words =
        new ArrayList<>(List.of("start", Integer.toString(size), Long.toString(leave.toSeconds())));
    told.forEach((name, value) -> words.add(name + "=" + value));
    try (StopOnInterrupt stop = StopOnInterrupt.install(() -> ask("stop"))) {
      ask(String.join(BETWEEN, words));
      String answer = answers.readLine();
      if (answer == null) {
        throw new PeerLostException(
            "Spark's driver is gone, and its ranks end: the last checkpoint stands");
      }
      return end(size, answer, stop.requested());
    }
  }

  private void ask(String line) {
    driver.println(ASKS + line);
    driver.flush();
  }

  /// @param answer `ended` or `stopped`, and `RANK:CODE` of the ranks whose end is known. Of a
  ///   stage that failed it is the one that failed first: the others were ended because of it
  static RanksEnd end(int size, String answer, boolean stopped) {
    List<RanksEnd.One> ends = new ArrayList<>();
    boolean[] known = new boolean[size];
    String[] words = answer.split(" ");
    for (String word : List.of(words).subList(1, words.length)) {
      String[] pair = word.split(":");
      RanksEnd.One one =
          new RanksEnd.One(Integer.parseInt(pair[0]), Integer.parseInt(pair[1]), false);
      ends.add(one);
      known[one.rank()] = true;
    }
    for (int rank = 0; rank < size && !ends.isEmpty(); rank++) {
      if (!known[rank]) {
        ends.add(new RanksEnd.One(rank, 128 + 9, true));
      }
    }
    return new RanksEnd(
        ends,
        size,
        rank -> "the standard output of its executor",
        stopped || words[0].equals("stopped"));
  }
}
