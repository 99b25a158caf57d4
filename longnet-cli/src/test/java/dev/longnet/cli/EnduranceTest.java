// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.machine.ProcessMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/// Training, evaluation and streams, again and again in one process: memory and descriptors stay
/// flat. `-Dlongnet.soak.minutes=360` is how long.
@Tag("slow")
@EnabledOnOs(OS.LINUX)
class EnduranceTest {
  /// Of the process, in the second half of the time: a heap may still move to its working size.
  private static final long FLAT = 64L << 20;

  @TempDir Path folder;

  /// @param minutes since the beginning
  /// @param resident bytes
  private record Sample(double minutes, long resident, long descriptors, long threads) {}

  @Test
  void memoryAndDescriptorsStayFlat() throws Exception {
    Path inputs = WritingJob.inputs(folder);
    List<Sample> samples = new ArrayList<>();
    double limit = Double.parseDouble(System.getProperty("longnet.soak.minutes", "2"));
    long start = System.nanoTime();
    for (double now = 0; now < limit; ) {
      cycle(inputs);
      System.gc(); // what is garbage says nothing
      now = Duration.ofNanos(System.nanoTime() - start).toMillis() / 60e3;
      samples.add(
          new Sample(
              now,
              ProcessMemory.resident().orElseThrow(),
              descriptors(),
              Thread.getAllStackTraces().size()));
      Files.writeString(
          Path.of(System.getProperty("longnet.soak.out", folder.resolve("soak.txt").toString())),
          report(samples) + "\n");
    }
    System.out.println(report(samples));
    List<Sample> late = late(samples);
    assertThat(late.getLast().descriptors()).isLessThanOrEqualTo(late.getFirst().descriptors());
    assertThat(late.getLast().threads()).isLessThanOrEqualTo(late.getFirst().threads() + 1);
    double growth = slope(late) * (late.getLast().minutes() - late.getFirst().minutes());
    assertThat(growth).isLessThan(FLAT);
  }

  private void cycle(Path inputs) throws IOException {
    Path out = folder.resolve("out");
    WritingJob.clear(out);
    for (WritingJob job : WritingJob.values()) {
      job.finish(inputs, out);
    }
    Cli eval =
        Cli.run(
            "eval",
            out.resolve("run"),
            "--corpus",
            inputs.resolve("texts"),
            "--validation",
            "0.2",
            "--lengths",
            "16,64",
            "--json",
            out.resolve("e.json"));
    assertThat(eval.exitCode()).as(eval.err()).isZero();
    AtomicFiles.deleteRecursively(out);
  }

  private static long descriptors() throws IOException {
    try (Stream<Path> files = Files.list(Path.of("/proc/self/fd"))) {
      return files.count() - 1; // the list's own
    }
  }

  /// The second half.
  private static List<Sample> late(List<Sample> samples) {
    return samples.subList(samples.size() / 2, samples.size());
  }

  /// Of the resident memory, bytes a minute, by least squares.
  private static double slope(List<Sample> samples) {
    double x = samples.stream().mapToDouble(Sample::minutes).average().orElseThrow();
    double y = samples.stream().mapToDouble(Sample::resident).average().orElseThrow();
    double xy = 0;
    double xx = 0;
    for (Sample s : samples) {
      xy += (s.minutes() - x) * (s.resident() - y);
      xx += (s.minutes() - x) * (s.minutes() - x);
    }
    return xx == 0 ? 0 : xy / xx;
  }

  private static String report(List<Sample> samples) {
    Sample first = samples.getFirst();
    Sample last = samples.getLast();
    return String.format(
        Locale.ROOT,
        "%d cycles in %.1f minutes; resident %d MiB after the first, %d MiB at half, %d MiB at the end; "
            + "%.1f MiB an hour in the second half; descriptors %d, %d, %d; threads %d, %d",
        samples.size(),
        last.minutes(),
        first.resident() >> 20,
        late(samples).getFirst().resident() >> 20,
        last.resident() >> 20,
        slope(late(samples)) * 60 / (1 << 20),
        first.descriptors(),
        late(samples).getFirst().descriptors(),
        last.descriptors(),
        first.threads(),
        last.threads());
  }
}
