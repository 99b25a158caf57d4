// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.mutation;

import com.sun.management.ThreadMXBean;
import dev.longnet.core.io.FieldException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/// Gives damaged files to a parser and takes down what is no proper end: anything thrown but a
/// user's mistake in one line, more time or more memory than granted.
///
/// Input number `i` is a function of the seed, the parser's kind and `i`.
public final class Campaign {
  /// One reading takes milliseconds. The processor's time: others may use the machine too.
  private static final long MOST_NANOS = Duration.ofSeconds(5).toNanos();

  /// Beyond it a reading waits for something that does not come.
  private static final Duration HANGS = Duration.ofSeconds(100);

  private static final Set<Class<?>> MISTAKES =
      Set.of(IllegalArgumentException.class, FieldException.class, NoSuchFileException.class);

  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final Parser parser;
  private final long seed;
  private final @Nullable Path keep;
  private final Map<String, String> faults = new LinkedHashMap<>();
  private long inputs;
  private long read;
  private long nanos;
  private long slowest;
  private long largest;

  /// @param keep a directory for the inputs behind faults; null for none
  public Campaign(Parser parser, long seed, @Nullable Path keep) {
    this.parser = parser;
    this.seed = seed;
    this.keep = keep;
    // What is loaded once is not to be counted.
    parser.seeds().forEach(this::reading);
  }

  public String kind() {
    return parser.kind();
  }

  public long inputs() {
    return inputs;
  }

  /// Inputs that were read without complaint.
  public long accepted() {
    return read;
  }

  public double seconds() {
    return nanos / 1e9;
  }

  public double slowestMillis() {
    return slowest / 1e6;
  }

  /// Allocated in one reading, in bytes.
  public long largest() {
    return largest;
  }

  /// What went wrong, by its kind: the first input of each, in words.
  public Map<String, String> faults() {
    return faults;
  }

  /// Gives so many inputs, after those given before.
  public void give(long count) throws IOException {
    for (long end = inputs + count; inputs < end; inputs++) {
      give(input(inputs));
    }
  }

  /// Gives inputs for so long.
  public void give(Duration time) throws IOException {
    for (long end = System.nanoTime() + time.toNanos(); System.nanoTime() < end; inputs++) {
      give(input(inputs));
    }
  }

  byte[] input(long number) {
    Random random = new Random(seed * 31 + parser.kind().hashCode() + number * 0x9E3779B97F4A7C15L);
    List<byte[]> seeds = parser.seeds();
    byte[] file = seeds.get(random.nextInt(seeds.size()));
    byte[] other = seeds.get(random.nextInt(seeds.size()));
    return random.nextBoolean()
        ? parser.whole().apply(Mutations.of(file, other, random))
        : Mutations.of(parser.whole().apply(file), parser.whole().apply(other), random);
  }

  private void give(byte[] input) throws IOException {
    long allocated = allocated();
    long start = System.nanoTime();
    long cpu = THREADS.getCurrentThreadCpuTime();
    Throwable thrown = reading(input);
    read += thrown == null ? 1 : 0;
    cpu = THREADS.getCurrentThreadCpuTime() - cpu;
    long wall = System.nanoTime() - start;
    allocated = allocated() - allocated;
    nanos += wall;
    slowest = Math.max(slowest, cpu);
    largest = Math.max(largest, allocated);
    if (thrown != null && !isMistake(thrown)) {
      fault(input, thrown + " " + where(thrown));
    } else if (cpu > MOST_NANOS || wall > HANGS.toNanos()) {
      fault(input, String.format(Locale.ROOT, "takes long: %d s", wall / 1_000_000_000));
    } else if (allocated > parser.grant() + parser.perByte() * input.length) {
      fault(input, String.format(Locale.ROOT, "takes %d MiB", allocated >> 20));
    }
  }

  private @Nullable Throwable reading(byte[] input) {
    try {
      parser.reader().read(input);
      return null;
    } catch (Throwable e) { // whatever it is
      return e;
    }
  }

  private long allocated() {
    return parser.threads()
        ? THREADS.getTotalThreadAllocatedBytes()
        : THREADS.getCurrentThreadAllocatedBytes();
  }

  private static boolean isMistake(Throwable e) {
    String message = e.getMessage();
    return MISTAKES.contains(e.getClass()) && message != null && !message.isBlank();
  }

  /// The innermost places of ours and of anybody's.
  private static String where(Throwable e) {
    List<String> places = new ArrayList<>();
    Throwable root = e;
    while (root.getCause() != null && root.getCause() != root) {
      root = root.getCause();
    }
    for (StackTraceElement at : root.getStackTrace()) {
      if (places.isEmpty()
          || at.getClassName().startsWith("dev.longnet")
              && !at.getClassName().contains(".mutation.")) {
        places.add(at.getClassName() + "." + at.getMethodName() + ":" + at.getLineNumber());
      }
      if (places.size() == 3) {
        break;
      }
    }
    return "at " + String.join(" < ", places);
  }

  private void fault(byte[] input, String what) throws IOException {
    // Its numbers differ from input to input.
    String key = what.replaceAll("[0-9]+", "N").replaceAll(".* at ", "at ");
    if (faults.size() < 200 && !faults.containsKey(key)) {
      faults.put(key, parser.kind() + ", input " + inputs + ": " + what);
      if (keep != null) {
        Files.createDirectories(keep);
        String name = parser.kind().replaceAll("[^A-Za-z0-9]+", "-") + "-" + inputs;
        Files.write(keep.resolve(name), input);
        Files.writeString(keep.resolve(name + ".txt"), what + "\n");
      }
    }
  }
}
