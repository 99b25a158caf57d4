// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.Locale;
import java.util.function.Consumer;

/// Times of a group's operations; run by [GlooProcessesTest] when asked for.
final class GlooBench {
  private final Collectives group;

  GlooBench(Collectives group) {
    this.group = group;
  }

  void run(Consumer<String> say) {
    for (long bytes : new long[] {1L << 10, 64L << 10, 1L << 20, 64L << 20}) {
      exchange(say, bytes);
    }
    time(say, "sum of a double", 2_000, () -> group.sum(1));
    time(say, "barrier", 2_000, group::barrier);
    int floats = 3_000_000;
    MemorySegment data = Arena.ofAuto().allocate(4L * floats, 64);
    long[] bounds = new long[group.size() + 1];
    for (int i = 0; i < bounds.length; i++) {
      bounds[i] = (long) floats * i / group.size();
    }
    time(say, "reduceScatter of 3 M floats", 50, () -> group.reduceScatter(data, bounds));
    time(say, "allGather of 3 M floats", 50, () -> group.allGather(data, 4, bounds));
  }

  /// So many bytes leave each rank, in equal parts for all of them.
  private void exchange(Consumer<String> say, long bytes) {
    MemorySegment send = Arena.ofAuto().allocate(bytes);
    MemorySegment receive = Arena.ofAuto().allocate(bytes);
    long[] counts = new long[group.size()];
    Arrays.fill(counts, bytes / group.size());
    int times = bytes > 10_000_000 ? 30 : 1_000;
    time(
        say,
        "exchange of " + bytes + " bytes",
        times,
        () -> group.start(send, counts, receive, counts).await());
  }

  private void time(Consumer<String> say, String what, int times, Runnable body) {
    for (int i = 0; i < times / 5 + 1; i++) {
      body.run();
    }
    long[] nanos = new long[times];
    for (int i = 0; i < times; i++) {
      long start = System.nanoTime();
      body.run();
      nanos[i] = System.nanoTime() - start;
    }
    Arrays.sort(nanos);
    say.accept(
        String.format(
            Locale.ROOT,
            "time %s: median %.3f ms, fastest %.3f, slowest %.3f",
            what,
            nanos[times / 2] * 1e-6,
            nanos[0] * 1e-6,
            nanos[times - 1] * 1e-6));
  }
}
