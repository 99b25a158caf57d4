// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;

/// What Spark's configuration says about ranks, and what of it is refused.
///
/// @param command the launcher `longnet`, at the same place on every executor
/// @param directory where every rank runs: relative paths of the command line start there
/// @param taskCpus cores of a rank
/// @param slots how many tasks Spark may run at once by its configuration; empty where that does
///   not say
record Settings(String command, String directory, int taskCpus, Optional<Slots> slots) {
  /// @param words how the number comes about
  record Slots(long number, String words) {}

  private static final String COMMAND = "spark.longnet.command";
  private static final String DIRECTORY = "spark.longnet.directory";
  private static final String DYNAMIC = "spark.dynamicAllocation.enabled";
  private static final String TASK_CPUS = "spark.task.cpus";
  private static final String EXECUTOR_CORES = "spark.executor.cores";
  private static final String EXECUTORS = "spark.executor.instances";
  private static final String ALL_CORES = "spark.cores.max";

  /// @param spark its configuration
  /// @param checkout where this module's jar was built
  /// @param directory of this process
  /// @throws IllegalArgumentException with one line: key, rule, value
  static Settings of(Map<String, String> spark, Optional<Path> checkout, Path directory) {
    if (Boolean.parseBoolean(spark.getOrDefault(DYNAMIC, "false"))) {
      throw new IllegalArgumentException(
          DYNAMIC
              + " must be false: ranks are a fixed number of tasks, and Spark runs no barrier stage with it: "
              + DYNAMIC
              + "=true");
    }
    int taskCpus = number(spark, TASK_CPUS).orElse(1);
    Optional<Integer> executorCores = number(spark, EXECUTOR_CORES);
    if (executorCores.isPresent() && executorCores.get() < taskCpus) {
      throw new IllegalArgumentException(
          EXECUTOR_CORES
              + " must be at least "
              + TASK_CPUS
              + "="
              + taskCpus
              + ", the cores of a rank: "
              + EXECUTOR_CORES
              + "="
              + executorCores.get());
    }
    String command =
        Optional.ofNullable(spark.get(COMMAND))
            .or(() -> checkout.map(c -> c.resolve("longnet").toString()))
            .orElseThrow(() ->
                new IllegalArgumentException(
                    COMMAND
                        + " must name the launcher longnet of a checkout that every executor sees, it is not set"));
    if (!Files.isExecutable(Path.of(command))) {
      throw new IllegalArgumentException(
          COMMAND + " must be a program that driver and executors see: " + COMMAND + "=" + command);
    }
    String where = spark.getOrDefault(DIRECTORY, directory.toString());
    if (!Files.isDirectory(Path.of(where))) {
      throw new IllegalArgumentException(
          DIRECTORY
              + " must be a directory that driver and executors see: "
              + DIRECTORY
              + "="
              + where);
    }
    return new Settings(command, where, taskCpus, slots(spark, taskCpus, executorCores));
  }

  /// What keeps so many ranks from running at once.
  ///
  /// @param available how many tasks can
  /// @param words how that comes about
  static Optional<String> tooMany(int ranks, long available, String words) {
    return ranks <= available
        ? Optional.empty()
        : Optional.of(
            "--ranks must be at most the tasks that Spark can run at once, "
                + available
                + " ("
                + words
                + "): --ranks="
                + ranks);
  }

  /// As far as the configuration tells.
  Optional<String> tooMany(int ranks) {
    return slots.flatMap(s -> tooMany(ranks, s.number, s.words));
  }

  private static Optional<Slots> slots(
      Map<String, String> spark, int taskCpus, Optional<Integer> executorCores) {
    Optional<Integer> executors = number(spark, EXECUTORS);
    Optional<Integer> cores = number(spark, ALL_CORES);
    String each = ", " + TASK_CPUS + "=" + taskCpus;
    Optional<Slots> byCores = cores.map(n -> new Slots(n / taskCpus, ALL_CORES + "=" + n + each));
    Optional<Slots> byExecutors =
        executors.isEmpty() || executorCores.isEmpty()
            ? Optional.empty()
            : Optional.of(
                new Slots(
                    (long) executors.get() * (executorCores.get() / taskCpus),
                    EXECUTORS
                        + "="
                        + executors.get()
                        + ", "
                        + EXECUTOR_CORES
                        + "="
                        + executorCores.get()
                        + each));
    return byCores.isPresent()
            && (byExecutors.isEmpty() || byCores.get().number < byExecutors.get().number)
        ? byCores
        : byExecutors;
  }

  private static Optional<Integer> number(Map<String, String> spark, String key) {
    String value = spark.get(key);
    if (value == null) {
      return Optional.empty();
    }
    if (!value.matches("[0-9]{1,9}") || Integer.parseInt(value) < 1) {
      throw new IllegalArgumentException(
          key + " must be a whole number of at least 1: " + key + "=" + value);
    }
    return Optional.of(Integer.parseInt(value));
  }
}
