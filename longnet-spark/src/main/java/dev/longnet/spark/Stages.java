// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.SparkExecutorInfo;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.util.ShutdownHookManager;
import org.jspecify.annotations.Nullable;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.runtime.BoxedUnit;

/// Runs barrier stages, one at a time, whose tasks are ranks. Spark starts with the first.
final class Stages implements AutoCloseable {
  private static final String GROUP = "longnet";

  /// Before Spark's own hook, which stops the executors.
  private static final int HOOK_PRIORITY = 60;

  private static final String WAIT = "spark.scheduler.maxRegisteredResourcesWaitingTime";

  /// Spark's own is 30 s, after which it starts with fewer.
  private static final long DEFAULT_WAIT_SECONDS = 120;

  private static final long SILENT_SECONDS = 10;
  private static final long POLL_MILLIS = 200;

  private final SparkConf conf;
  private final Settings settings;
  private final List<String> command;
  private volatile @Nullable JavaSparkContext context;
  private volatile boolean stopped;

  /// @param command of every rank
  Stages(SparkConf conf, Settings settings, List<String> command) {
    this.conf = conf;
    this.settings = settings;
    this.command = List.copyOf(command);
  }

  /// Runs a stage to its end. What it failed of is said.
  ///
  /// @return `ended` or `stopped`, and `RANK:CODE` of the ranks whose ends are known
  synchronized String run(Request request) {
    Optional<String> tooMany = settings.tooMany(request.size());
    if (tooMany.isPresent()) {
      return refused(tooMany.get(), 2);
    }
    JavaSparkContext spark;
    try {
      spark = spark();
      Optional<String> refused = refusedNow(spark, request.size());
      if (refused.isPresent()) {
        return refused.get();
      }
    } catch (RuntimeException e) {
      return refused("Spark does not start: " + firstLine(e), 1);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      return "stopped";
    }
    if (stopped) {
      return "stopped";
    }
    spark.setJobGroup(GROUP, "ranks of a run");
    try {
      List<Integer> codes = ranks(spark, request);
      return IntStream.range(0, codes.size())
          .mapToObj(rank -> rank + ":" + codes.get(rank))
          .collect(Collectors.joining(" ", "ended ", ""));
    } catch (Exception failed) { // Scala does not say which
      return failed(failed);
    } finally {
      awaitTasks(spark, request.leaveSeconds());
    }
  }

  /// Asks all ranks to save a checkpoint and end; returns at once.
  void stop() {
    stopped = true;
    JavaSparkContext spark = context;
    if (spark != null && !spark.sc().isStopped()) {
      spark.sc().cancelJobGroupAndFutureJobs(GROUP);
    }
  }

  @Override
  public synchronized void close() {
    JavaSparkContext spark = context;
    if (spark != null) {
      spark.close();
    }
  }

  private JavaSparkContext spark() {
    JavaSparkContext spark = context;
    if (spark == null) {
      spark = new JavaSparkContext(conf);
      context = spark;
      // Ctrl-C: Spark's own hook would end the executors, and the ranks with them.
      ShutdownHookManager.addShutdownHook(
          HOOK_PRIORITY,
          () -> {
            stop();
            synchronized (this) { // until the stage has ended
              return BoxedUnit.UNIT;
            }
          });
    }
    return spark;
  }

  private List<Integer> ranks(JavaSparkContext spark, Request request) {
    List<Integer> numbers = IntStream.range(0, request.size()).boxed().toList();
    ClassTag<Integer> integers = ClassTag$.MODULE$.apply(Integer.class);
    return spark
        .parallelize(numbers, request.size())
        .rdd()
        .barrier()
        .mapPartitions(
            new RankTask(command, settings.directory(), settings.taskCpus(), request),
            false,
            integers)
        .toJavaRDD()
        .collect();
  }

  private String failed(Exception failure) {
    String message = String.valueOf(failure.getMessage());
    Optional<RankEnd> end = RankEnd.parse(message);
    if (end.isPresent()) {
      say(end.get().toString());
      return "ended " + end.get().rank() + ":" + end.get().code();
    }
    // A person cancels in Spark's web page too.
    if (stopped || message.toLowerCase(Locale.ROOT).contains("cancelled")) {
      return "stopped";
    }
    say("Spark ended the ranks: " + firstLine(failure));
    return "ended";
  }

  /// Executors come one after the other, and are waited for.
  ///
  /// @return the answer where they do not come
  private Optional<String> refusedNow(JavaSparkContext spark, int ranks)
      throws InterruptedException {
    SparkContext scala = spark.sc();
    boolean local = scala.isLocal();
    long start = System.nanoTime();
    long seconds = local ? 0 : conf.getTimeAsSeconds(WAIT, DEFAULT_WAIT_SECONDS + "s");
    boolean said = false;
    while (true) {
      int slots =
          scala.maxNumConcurrentTasks(scala.resourceProfileManager().defaultResourceProfile());
      if (slots >= ranks || stopped) {
        return Optional.empty();
      }
      String words =
          String.format(
              Locale.ROOT,
              "executors=%d, spark.task.cpus=%d",
              executors(spark),
              settings.taskCpus());
      if (local) {
        return Settings.tooMany(ranks, slots, words).map(line -> refused(line, 2));
      }
      long waited = TimeUnit.NANOSECONDS.toSeconds(System.nanoTime() - start);
      String now =
          String.format(
              Locale.ROOT, "Spark can run %d of the %d tasks at once (%s)", slots, ranks, words);
      if (waited >= seconds) {
        return Optional.of(
            refused(now + " after " + WAIT + "=" + seconds + "s: give it more cores, or time", 1));
      }
      if (!said && waited >= SILENT_SECONDS) {
        said = true;
        say(now + ", waits up to " + seconds + " s for executors");
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  /// Ranks that are about to leave still print, or save a checkpoint.
  private static void awaitTasks(JavaSparkContext spark, long seconds) {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
    try {
      while (running(spark) > 0 && System.nanoTime() < end) {
        Thread.sleep(POLL_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private static int running(JavaSparkContext spark) {
    return Arrays.stream(spark.statusTracker().getExecutorInfos())
        .mapToInt(SparkExecutorInfo::numRunningTasks)
        .sum();
  }

  private static int executors(JavaSparkContext spark) {
    int all = spark.statusTracker().getExecutorInfos().length;
    return spark.sc().isLocal() ? all : all - 1; // the driver is one of them
  }

  private static String refused(String line, int code) {
    say(line);
    return "ended 0:" + code;
  }

  private static String firstLine(Exception e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  static void say(String line) {
    System.err.println("longnet: " + line);
    System.err.flush();
  }
}
