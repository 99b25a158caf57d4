// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.launch.Launch;
import dev.longnet.core.launch.Launcher;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.GlooCollectives;
import dev.longnet.lm.distributed.PeerLostException;
import dev.longnet.lm.distributed.Rendezvous;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/// This process among the ranks of a run, connected with the others. The process ends with
/// [Runtime#halt]: after a failure the group is not closed.
///
/// @param launch what the launcher said
/// @param world all ranks
record RankGroup(Launch launch, Collectives world) {
  /// How long the word of a rank that gives up takes to reach the others.
  private static final long HEARD_MILLIS = 1_500;

  private static volatile boolean joined;

  /// What a rank does with the others.
  interface Work {
    int with(RankGroup group) throws IOException;
  }

  /// Whether native threads for the exchange with other ranks may run, which outlive main and would
  /// meet the destructors of their library.
  static boolean joined() {
    return joined;
  }

  /// Joins the others and works with them. Whatever ends the work is said to them. They leave
  /// together: who is the first to go must not look lost.
  ///
  /// @return what the work returned, or [LocalRanks#PORT_TAKEN]
  static int work(Launch launch, RankOptions options, Work work) throws IOException {
    boolean own = launch.launcher() == Launcher.LONGNET;
    if (own && launch.serves() && !LocalRanks.isFree(launch.store().port())) {
      return LocalRanks.PORT_TAKEN;
    }
    joined = true;
    Collectives world =
        GlooCollectives.join(
            new Rendezvous(
                launch.rank(),
                launch.size(),
                launch.store().host(),
                launch.store().port(),
                options.timeout(),
                options.address,
                launch.serves(),
                launch.store().attempt()));
    try {
      int code = work.with(new RankGroup(launch, world));
      world.close();
      return code;
    } catch (IOException | RuntimeException | Error e) {
      if (!(e instanceof PeerLostException)) {
        world.abort(e.getMessage() == null ? e.toString() : e.getMessage());
        pause();
      }
      throw e;
    }
  }

  /// Which run it is, as rank 0 has it: on the others a file system may show a later moment.
  Handover agreed(Handover own) {
    String said = own.resume() + " " + own.run();
    String first = new String(world.gather(said.getBytes(UTF_8)).getFirst(), UTF_8);
    int space = first.indexOf(' ');
    return new Handover(
        Path.of(first.substring(space + 1)),
        Boolean.parseBoolean(first.substring(0, space)),
        own.terminal());
  }

  /// Whether somebody reads what this rank prints. Ranks that this program started have a log for
  /// their output already.
  boolean prints() {
    return launch.rank() == 0 || launch.launcher() == Launcher.LONGNET;
  }

  /// What a rank prints that nobody reads.
  PrintWriter log(Path run) throws IOException {
    Path log = RunDirectory.rankLog(run, launch.rank());
    Files.createDirectories(log.getParent());
    return new PrintWriter(
        Files.newBufferedWriter(log, StandardOpenOption.CREATE, StandardOpenOption.APPEND), true);
  }

  private static void pause() {
    try {
      Thread.sleep(HEARD_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
