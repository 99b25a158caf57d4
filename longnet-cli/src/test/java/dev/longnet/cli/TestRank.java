// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/// What [LocalRanks] starts in tests: a rank that does what its argument says, and no more. It ends
/// after a minute in any case.
final class TestRank {
  private TestRank() {}

  /// @param does of each rank: `exit=CODE`, `once=CODE` (0 the second time), `hang`, `stop` (waits
  ///   for the request to stop, then saves itself)
  public static void main(String[] does) throws Exception {
    ParentWatch.start();
    Map<String, String> environment = System.getenv();
    int rank = Integer.parseInt(environment.get("RANK"));
    Path notes = Path.of(System.getProperty("notes"));
    int time = 0;
    while (Files.exists(notes.resolve("start-" + rank + "-" + time))) {
      time++;
    }
    Map<String, String> ours = new TreeMap<>(environment);
    ours.keySet()
        .removeIf(k -> !k.matches("LONGNET_.*|(LOCAL_)?RANK|(LOCAL_)?WORLD_SIZE|MASTER_.*"));
    String said = ours + "\npid=" + ProcessHandle.current().pid();
    Path temporary = Files.writeString(notes.resolve(".start-" + rank), said, UTF_8);
    String[] words = does[rank].split("=");
    CountDownLatch asked = new CountDownLatch(1);
    StopOnInterrupt stop =
        words[0].equals("stop") ? StopOnInterrupt.install(asked::countDown) : null;
    Files.move(temporary, notes.resolve("start-" + rank + "-" + time));
    System.out.println("rank " + rank + " prints");
    System.err.println("rank " + rank + " complains");
    switch (words[0]) {
      case "exit" -> Runtime.getRuntime().halt(Integer.parseInt(words[1]));
      case "once" -> Runtime.getRuntime().halt(time == 0 ? Integer.parseInt(words[1]) : 0);
      case "stop" -> {
        if (asked.await(1, TimeUnit.MINUTES)) {
          Files.writeString(notes.resolve("saved-" + rank), "", UTF_8);
        }
        stop.close();
      }
      default -> Thread.sleep(60_000);
    }
  }
}
