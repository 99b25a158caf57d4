// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.longnet.core.checkpoint.RunDirectory;
import dev.longnet.core.io.FieldMessage;
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
import java.util.concurrent.atomic.AtomicBoolean;
import org.jspecify.annotations.Nullable;

/// This process among the ranks of a run, connected with the others. The process ends with
/// [Runtime#halt]: after a failure the group is not closed.
///
/// @param launch what the launcher said
/// @param world all ranks
record RankGroup(Launch launch, Collectives world) {
  /// How long the word of a rank that gives up takes to reach the others.
  private static final long HEARD_MILLIS = 1_500;

  private static volatile boolean joined;

  /// Whether this process looks for the others. Until it has found them, nobody but the process
  /// that started it can tell it that one is gone.
  private static volatile boolean joining;

  /// What that process said.
  private static volatile @Nullable String lost;

  /// Whether a thread says how this process ends, so that no other does.
  private static final AtomicBoolean ENDING = new AtomicBoolean();

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
  /// @param flags in whose words losses are said
  /// @return what the work returned, or [LocalRanks#PORT_TAKEN]
  static int work(Launch launch, RankOptions options, Flags flags, Work work) throws IOException {
    boolean own = launch.launcher() == Launcher.LONGNET;
    if (own && launch.serves() && !LocalRanks.isFree(launch.store().port())) {
      return LocalRanks.PORT_TAKEN;
    }
    joined = true;
    joining = true;
    leaveIfLost();
    Collectives world = join(launch, options);
    joining = false;
    world.whenLost(why -> leave(why.text(flags::of)));
    try {
      int code = work.with(new RankGroup(launch, world));
      end();
      world.close();
      return code;
    } catch (IOException | RuntimeException | Error e) {
      end();
      if (!(e instanceof PeerLostException)) {
        world.abort(FieldMessage.of(e));
        pause(HEARD_MILLIS);
      }
      throw e;
    }
  }

  /// A failure is said once: by this, or by [#leave].
  private static Collectives join(Launch launch, RankOptions options) {
    try {
      return GlooCollectives.join(
          new Rendezvous(
              launch.rank(),
              launch.size(),
              launch.store().host(),
              launch.store().port(),
              options.timeout(),
              options.address,
              launch.serves(),
              launch.store().attempt()));
    } catch (RuntimeException | Error e) {
      end();
      throw e;
    }
  }

  /// What the process that started this one says of another rank. It knows at once, while ranks
  /// that still look for one another would wait for the timeout. Later their own watches know more.
  static void lost(String line) {
    lost = line;
    leaveIfLost();
  }

  private static void leaveIfLost() {
    String line = lost;
    if (joining && line != null) {
      leave(line + ", while ranks joined. Read its log, then start the run again");
    }
  }

  /// Ends this process, whatever its other threads do. What they write has a temporary name.
  private static void leave(String line) {
    if (ENDING.compareAndSet(false, true)) {
      System.err.println("longnet: " + Main.oneLine(line));
      System.err.flush();
      Runtime.getRuntime().halt(PeerLostException.EXIT_CODE);
    }
  }

  /// Returns where no other thread ends the process.
  private static void end() {
    if (!ENDING.compareAndSet(false, true)) {
      pause(Long.MAX_VALUE);
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

  private static void pause(long millis) {
    try {
      Thread.sleep(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
