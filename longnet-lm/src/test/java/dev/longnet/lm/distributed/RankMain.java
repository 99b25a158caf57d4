// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import dev.longnet.core.io.FieldMessage;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import java.util.List;

/// What a rank's process does in tests. It says what happens in lines, and halts as the command
/// line does when another rank is lost.
final class RankMain {
  private RankMain() {}

  /// Scenario, rank, size, port, timeout in seconds, and the store's address if it is another
  /// machine's.
  public static void main(String[] arguments) {
    endWithTheTest();
    String scenario = arguments[0];
    int rank = Integer.parseInt(arguments[1]);
    int size = Integer.parseInt(arguments[2]);
    Rendezvous rendezvous =
        Rendezvous.of(
                rank,
                size,
                arguments.length > 5 ? arguments[5] : "127.0.0.1",
                Integer.parseInt(arguments[3]))
            .withTimeout(Duration.ofSeconds(Integer.parseInt(arguments[4])));
    long start = System.nanoTime();
    try {
      Collectives group = GlooCollectives.join(rendezvous);
      say("joined after " + (System.nanoTime() - start) / 1_000_000 + " ms");
      start = System.nanoTime();
      run(scenario, group, start);
      group.close();
      say("done");
    } catch (PeerLostException e) {
      say("lost " + (System.nanoTime() - start) / 1_000_000 + " ms: " + e.getMessage());
      Runtime.getRuntime().halt(PeerLostException.EXIT_CODE);
    } catch (RuntimeException e) {
      say("failed " + e.getClass().getSimpleName() + ": " + e.getMessage());
      Runtime.getRuntime().halt(1);
    }
  }

  /// On standard error, as a command line's last line: standard output is silenced while Gloo
  /// connects.
  private static void say(String line) {
    System.err.println(line);
  }

  private static void endWithTheTest() {
    Thread.ofPlatform()
        .daemon()
        .start(() -> {
          try {
            while (System.in.read() >= 0) {
              // Nobody writes: the end of the stream is the end of the test.
            }
          } catch (IOException _) {
            // As well.
          }
          Runtime.getRuntime().halt(3);
        });
  }

  private static void run(String scenario, Collectives group, long start) {
    switch (scenario) {
      case "script" -> say("hash " + new CollectivesScript(group, 7).run());
      case "hosted" -> say("hash " + hosted(group));
      case "sums" -> sums(group, Long.MAX_VALUE);
      case "large" -> large(group);
      case "works" -> works(group, start);
      case "late" -> late(group);
      case "differs" -> differs(group);
      case "crossed" -> crossed(group);
      case "abort" -> abort(group);
      case "bench" -> new GlooBench(group).run(RankMain::say);
      default -> throw new IllegalArgumentException(scenario);
    }
  }

  /// Eight ranks on all processes.
  private static List<Integer> hosted(Collectives group) {
    return AllRanks.call(
        HostedCollectives.of(group, 8),
        rank -> {
          int hash = new CollectivesScript(rank, 7).run();
          rank.close();
          return hash;
        });
  }

  private static void sums(Collectives group, long count) {
    for (long i = 0; i < count; i++) {
      group.sum(i);
      if (i == 0) {
        say("first");
      }
    }
  }

  /// Exchanges so large that a kill hits one that is being read.
  private static void large(Collectives group) {
    long bytes = 96L << 20;
    MemorySegment send = Arena.ofAuto().allocate(bytes);
    MemorySegment receive = Arena.ofAuto().allocate(bytes);
    long[] counts = new long[group.size()];
    java.util.Arrays.fill(counts, bytes / group.size());
    for (int i = 0; i < 1_000; i++) {
      group.start(send, counts, receive, counts).await();
      if (i == 0) {
        say("first");
      }
    }
  }

  /// All ranks work for themselves for a long time.
  private static void works(Collectives group, long start) {
    group.barrier();
    group.whenLost(line -> {
      say("lost " + (System.nanoTime() - start) / 1_000_000 + " ms: " + line);
      Runtime.getRuntime().halt(PeerLostException.EXIT_CODE);
    });
    say("first");
    sleep(Duration.ofMinutes(5));
  }

  /// Rank 1 works for twice the timeout.
  private static void late(Collectives group) {
    group.barrier();
    say("first");
    if (group.rank() == 1) {
      sleep(Duration.ofSeconds(20));
    }
    group.barrier();
  }

  /// Rank 1 works for longer than the timeout, then comes to something else.
  private static void differs(Collectives group) {
    group.barrier();
    say("first");
    if (group.rank() == 1) {
      sleep(Duration.ofSeconds(14));
      say("comes");
      group.sum(1);
    }
    group.barrier();
  }

  /// Rank 1 waits for the others in another group.
  private static void crossed(Collectives group) {
    Collectives part = group.split(0);
    part.barrier();
    say("first");
    (group.rank() == 1 ? part : group).barrier();
  }

  /// Rank 1 gives up while the others wait.
  private static void abort(Collectives group) {
    group.barrier();
    say("first");
    if (group.rank() == 1) {
      sleep(Duration.ofSeconds(1));
      group.abort(FieldMessage.of("no space left on disk"));
    }
    group.barrier();
  }

  private static void sleep(Duration time) {
    try {
      Thread.sleep(time);
    } catch (InterruptedException e) {
      throw new AssertionError(e);
    }
  }
}
