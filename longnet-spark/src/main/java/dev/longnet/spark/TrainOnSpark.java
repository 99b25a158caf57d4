// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStream;
import java.net.URISyntaxException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.CodeSource;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.SparkConf;

/// What `spark-submit` starts: `longnet train` with the same arguments, whose ranks are the tasks
/// of a barrier stage. The exit code is that of `longnet train`.
///
/// The command runs in a process beside the driver. It reads the options, says what is wrong with
/// them, asks the driver for ranks by lines of its standard output, hears how they ended, and
/// starts them again where `--restarts` says so.
public final class TrainOnSpark {
  /// How the command knows that a driver started it: the cores of a task.
  private static final String TASK_CPUS = "LONGNET_SPARK_TASK_CPUS";

  private TrainOnSpark() {}

  public static void main(String[] arguments) throws Exception {
    SparkConf conf = new SparkConf();
    Settings settings;
    try {
      settings = Settings.of(all(conf), checkout(), Path.of("").toAbsolutePath());
    } catch (IllegalArgumentException e) {
      Stages.say(String.valueOf(e.getMessage()));
      System.exit(2);
      return;
    }
    List<String> command = command(settings, arguments);
    int code;
    try (Stages stages = new Stages(conf, settings, command)) {
      code = run(settings, command, stages);
    }
    System.exit(code);
  }

  /// The command of the process beside the driver and, with other variables, of every rank.
  static List<String> command(Settings settings, String... arguments) {
    List<String> command = new ArrayList<>(List.of(settings.command(), "train"));
    command.addAll(Arrays.asList(arguments));
    return command;
  }

  private static int run(Settings settings, List<String> command, Stages stages)
      throws IOException, InterruptedException {
    ProcessBuilder builder =
        new ProcessBuilder(command)
            .directory(Path.of(settings.directory()).toFile())
            .redirectError(ProcessBuilder.Redirect.INHERIT);
    builder.environment().put(TASK_CPUS, Integer.toString(settings.taskCpus()));
    Process longnet = builder.start();
    try (BufferedReader lines = longnet.inputReader(UTF_8);
        OutputStream answers = longnet.getOutputStream()) {
      for (String line = lines.readLine(); line != null; line = lines.readLine()) {
        Optional<Request> request = Request.of(line);
        if (request.isPresent()) {
          Thread stage = new Thread(() -> answer(stages.run(request.get()), answers), "stage");
          stage.setDaemon(true);
          stage.start();
        } else if (Request.isStop(line)) {
          stages.stop();
        } else {
          System.out.println(line);
        }
      }
      // Whoever asked is gone, and so are the ranks then.
      stages.stop();
      return longnet.waitFor();
    }
  }

  private static void answer(String answer, OutputStream answers) {
    try {
      answers.write((answer + "\n").getBytes(UTF_8));
      answers.flush();
    } catch (IOException e) {
      Stages.say("nobody waits for the ranks any more, which " + answer);
    }
  }

  private static Map<String, String> all(SparkConf conf) {
    Map<String, String> all = new TreeMap<>();
    Arrays.stream(conf.getAll()).forEach(pair -> all.put(pair._1(), pair._2()));
    return all;
  }

  /// The checkout whose build this jar is, `CHECKOUT/longnet-spark/target/longnet-spark-*.jar`.
  private static Optional<Path> checkout() throws URISyntaxException {
    CodeSource source = TrainOnSpark.class.getProtectionDomain().getCodeSource();
    if (source == null || !source.getLocation().getProtocol().equals("file")) {
      return Optional.empty();
    }
    Path built = Path.of(source.getLocation().toURI()).resolve("../../..").normalize();
    return Optional.of(built).filter(home -> Files.isExecutable(home.resolve("longnet")));
  }
}
