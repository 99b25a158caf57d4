// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.ranks;

import dev.longnet.attention.RowExchange;
import dev.longnet.core.config.Recipes;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.data.tokenizer.Tokenizers;
import dev.longnet.core.plan.Calibration;
import dev.longnet.experiments.Statistics;
import dev.longnet.lm.distributed.Collectives;
import dev.longnet.lm.distributed.GlooCollectives;
import dev.longnet.lm.distributed.Rendezvous;
import dev.longnet.lm.run.DistributedTraining;
import dev.longnet.lm.run.Parts;
import dev.longnet.lm.run.Processes;
import dev.longnet.lm.run.RunListener;
import dev.longnet.lm.run.Start;
import dev.longnet.lm.run.Training;
import dev.longnet.lm.train.StepMetrics;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/// What a rank's process does for [ProbeProcesses]: it exchanges bytes, or trains. Rank 0 prints
/// what was measured, a line each.
final class RankProbe {
  static final String EXCHANGE = "exchange";
  static final String TRAIN = "train";

  private final Collectives world;
  private final PrintStream out;

  private RankProbe(Collectives world, PrintStream out) {
    this.world = world;
    this.out = out;
  }

  /// Rank, size, port, then `exchange ROUNDS BYTES …` or `train RECIPE RUN THREADS STEPS`.
  public static void main(String[] words) throws IOException {
    endWithTheParent();
    int rank = Integer.parseInt(words[0]);
    int size = Integer.parseInt(words[1]);
    int port = Integer.parseInt(words[2]);
    try (Collectives world = GlooCollectives.join(Rendezvous.of(rank, size, "127.0.0.1", port))) {
      RankProbe probe = new RankProbe(world, System.out);
      List<String> rest = Arrays.asList(words).subList(4, words.length);
      switch (words[3]) {
        case EXCHANGE -> probe.exchange(rest);
        case TRAIN ->
            probe.train(
                Path.of(rest.get(0)),
                Path.of(rest.get(1)),
                Integer.parseInt(rest.get(2)),
                Long.parseLong(rest.get(3)));
        default -> throw new IllegalArgumentException(words[3]);
      }
    }
  }

  /// Nobody writes to a rank: the end of its input is the end of who started it.
  private static void endWithTheParent() {
    Thread.ofPlatform()
        .daemon()
        .name("longnet-parent")
        .start(() -> {
          try {
            while (System.in.read() >= 0) {
              // Nothing to do with it.
            }
          } catch (IOException closed) {
            // The parent has gone as well.
          }
          Runtime.getRuntime().halt(1);
        });
  }

  private void say(String format, Object... values) {
    if (world.rank() == 0) {
      out.printf(Locale.ROOT, format, values);
      out.println();
    }
  }

  private void exchange(List<String> words) {
    int rounds = Integer.parseInt(words.getFirst());
    for (String bytes : words.subList(1, words.size())) {
      exchange(Long.parseLong(bytes), rounds);
    }
  }

  /// Every rank receives so many bytes, in equal parts from all others. The first exchange is
  /// checked byte by byte.
  private void exchange(long bytes, int rounds) {
    int size = world.size();
    long part = bytes / Math.max(1, size - 1);
    long[] counts = new long[size];
    Arrays.fill(counts, part);
    counts[world.rank()] = 0;
    try (Arena arena = Arena.ofShared()) {
      MemorySegment send = arena.allocate(part * (size - 1), 64);
      MemorySegment receive = arena.allocate(part * (size - 1), 64);
      for (long i = 0; i < send.byteSize(); i++) {
        int to = (int) (i / part);
        send.set(
            ValueLayout.JAVA_BYTE,
            i,
            content(world.rank(), to < world.rank() ? to : to + 1, i % part));
      }
      List<Double> seconds = new ArrayList<>();
      for (int round = -2; round < rounds; round++) {
        world.barrier();
        long began = System.nanoTime();
        RowExchange.Pending pending = world.start(send, counts, receive, counts);
        pending.await();
        if (round >= 0) {
          seconds.add((System.nanoTime() - began) / 1e9);
        } else {
          check(receive, part);
        }
      }
      say(
          "%s %d %.9f %.4f",
          EXCHANGE, part * (size - 1), Statistics.median(seconds), Calibration.spread(seconds));
    }
  }

  private void check(MemorySegment received, long part) {
    for (long i = 0; i < received.byteSize(); i++) {
      int other = (int) (i / part);
      int from = other < world.rank() ? other : other + 1;
      if (received.get(ValueLayout.JAVA_BYTE, i) != content(from, world.rank(), i % part)) {
        throw new IllegalStateException(
            "byte " + i % part + " of rank " + from + " did not arrive as it was sent");
      }
    }
    received.fill((byte) 0);
  }

  private static byte content(int from, int to, long at) {
    return (byte) (31 * from + 7 * to + 1 + at * 13 + (at >>> 8));
  }

  private void train(Path recipe, Path run, int threads, long steps) throws IOException {
    RunConfig config = Recipes.load(recipe.toString(), List.of(), Tokenizers::vocabularySize);
    Steps listener = new Steps(steps);
    if (world.size() == 1) {
      RunConfig own =
          Recipes.load(
              recipe.toString(), List.of("runtime.threads=" + threads), Tokenizers::vocabularySize);
      Training.run(own, Start.anew(run), Parts.of(own, listener, "longnet bench ranks"));
    } else {
      DistributedTraining.run(
          config,
          Start.anew(run),
          listener,
          "longnet bench ranks",
          world,
          new Processes(world.size(), world.size(), threads, 0));
    }
  }

  /// Says what steps take, and asks for the end after the last: nothing is evaluated then.
  private final class Steps implements RunListener {
    private final long last;
    private @Nullable Runnable stop;

    Steps(long last) {
      this.last = last;
    }

    @Override
    public void training(Path run, long step, boolean resumed, Runnable stop) {
      this.stop = stop;
    }

    @Override
    public void step(StepMetrics metrics) {
      say(
          "step %d %.9f %.6f %d",
          metrics.step(), metrics.loss(), metrics.seconds(), metrics.stepTokens());
      if (metrics.step() >= last && stop != null) {
        stop.run();
      }
    }
  }
}
