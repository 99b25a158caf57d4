// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import java.io.PrintWriter;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/// A process that starts [TestRank]s and waits for them, for tests that end it.
final class TestParent {
  private TestParent() {}

  /// @param arguments the run's directory, the notes' directory, what each rank does
  public static void main(String[] arguments) throws Exception {
    List<String> does = Arrays.asList(arguments).subList(2, arguments.length);
    LocalTraining training =
        new LocalTraining(
            new LocalRanks(command(Path.of(arguments[1]), does), Duration.ofSeconds(2)),
            new RankOptions(),
            0,
            2,
            false,
            new PrintWriter(System.err, true));
    Handover handover = new Handover(Path.of(arguments[0]), false, false);
    System.exit(training.run(does.size(), handover));
  }

  static RankCommand command(Path notes, List<String> does) {
    List<String> words =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xmx64m",
                "-XX:TieredStopAtLevel=1",
                "-XX:+UseSerialGC",
                "-Dnotes=" + notes,
                "-cp",
                System.getProperty("java.class.path"),
                TestRank.class.getName()));
    words.addAll(does);
    return new RankCommand(words);
  }
}
