// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.model;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// Where the time of training steps goes. Whoever computes a part adds the time that the part kept
/// a thread; one that keeps several threads at once adds its time once for each. Any number of
/// threads may add at once.
///
/// Code holds a `@Nullable StepProfile` and brackets its parts, which costs a comparison where
/// there is no profile:
///
/// ```java
/// long began = StepProfile.begin(profile);
/// …
/// StepProfile.end(profile, Part.NORMS, began, bytes);
/// ```
public final class StepProfile {
  /// What a step is made of; docs/profile.md explains each. A loop that does the work of several
  /// parts counts as the one that would take longest alone.
  public enum Part {
    /// With weights, the output projection's among them.
    PRODUCTS,
    ATTENTION,
    NORMS,
    ACTIVATION,
    CASTS,
    ROTATION,
    /// Short convolutions, with the rotation that follows.
    CONVOLUTION,
    /// Softmax and cross-entropy without their products.
    LOSS,
    /// The gradients' norm among it.
    OPTIMIZER
  }

  private record Sums(LongAdder nanos, LongAdder bytes) {
    Sums() {
      this(new LongAdder(), new LongAdder());
    }
  }

  private record Sides(LongAdder forward, LongAdder backward) {
    Sides() {
      this(new LongAdder(), new LongAdder());
    }
  }

  private final Map<Part, Sums> parts = new EnumMap<>(Part.class);
  private final Map<Integer, Sides> branches = new ConcurrentHashMap<>();

  public StepProfile() {
    for (Part part : Part.values()) {
      parts.put(part, new Sums());
    }
  }

  /// @param nanos of one thread, or of several added up
  /// @param bytes of the operands that were read and the results that were written
  public void add(Part part, long nanos, long bytes) {
    Sums sums = sums(part);
    sums.nanos.add(nanos);
    sums.bytes.add(bytes);
  }

  /// Time of one branch of attention, a share of what is added for [Part#ATTENTION].
  ///
  /// @param index of the branch in its pattern, from 0
  /// @param backward whether gradients were computed
  public void branch(int index, boolean backward, long nanos) {
    Sides sides = branches.computeIfAbsent(index, _ -> new Sides());
    (backward ? sides.backward : sides.forward).add(nanos);
  }

  /// When a part begins; 0 without a profile.
  public static long begin(@Nullable StepProfile profile) {
    return profile == null ? 0 : System.nanoTime();
  }

  /// Adds what a part kept the calling thread; nothing without a profile.
  ///
  /// @param began what [#begin] gave
  public static void end(@Nullable StepProfile profile, Part part, long began, long bytes) {
    if (profile != null) {
      profile.add(part, System.nanoTime() - began, bytes);
    }
  }

  /// Forgets everything: steps that warm up are not to be reported.
  public void reset() {
    parts
        .values()
        .forEach(sums -> {
          sums.nanos.reset();
          sums.bytes.reset();
        });
    branches.clear();
  }

  /// What was added since the last [#reset].
  ///
  /// @param steps that added it
  /// @param threads that the steps had
  /// @param wallNanos of the steps, from beginning to end
  public Report report(int steps, int threads, long wallNanos) {
    Map<Part, Time> times = new EnumMap<>(Part.class);
    for (Part part : Part.values()) {
      times.put(part, new Time(sums(part).nanos.sum(), sums(part).bytes.sum()));
    }
    List<BranchTime> byBranch = new ArrayList<>();
    branches.entrySet().stream()
        .sorted(Map.Entry.comparingByKey())
        .forEach(entry ->
            byBranch.add(
                new BranchTime(
                    entry.getKey(),
                    entry.getValue().forward.sum(),
                    entry.getValue().backward.sum())));
    return new Report(steps, threads, wallNanos, times, byBranch);
  }

  private Sums sums(Part part) {
    Sums sums = parts.get(part);
    if (sums == null) {
      throw new AssertionError(part);
    }
    return sums;
  }

  /// @param nanos of all threads
  public record Time(long nanos, long bytes) {}

  /// @param index of the branch, from 0
  /// @param forwardNanos of all threads
  /// @param backwardNanos of all threads
  public record BranchTime(int index, long forwardNanos, long backwardNanos) {
    public long nanos() {
      return forwardNanos + backwardNanos;
    }
  }

  /// Times are of all threads together, so [#allNanos()] is what the parts divide up.
  public record Report(
      int steps, int threads, long wallNanos, Map<Part, Time> parts, List<BranchTime> branches) {
    public Report {
      if (steps < 1 || threads < 1 || wallNanos < 1) {
        throw new IllegalArgumentException(
            String.format(
                Locale.ROOT,
                "a profile needs steps, threads and time: steps=%d, threads=%d, wallNanos=%d",
                steps,
                threads,
                wallNanos));
      }
      parts = Map.copyOf(parts);
      branches = List.copyOf(branches);
    }

    public Time time(Part part) {
      return parts.getOrDefault(part, new Time(0, 0));
    }

    /// What the threads had: the steps' time, once for each thread.
    public long allNanos() {
      return threads * wallNanos;
    }

    /// Everything else: what no part took, idle threads included. Negative where parts were counted
    /// twice.
    public long otherNanos() {
      return allNanos() - parts.values().stream().mapToLong(Time::nanos).sum();
    }

    /// What attention took outside of its branches: handing out blocks, waiting for the last one.
    public long betweenBranches() {
      return time(Part.ATTENTION).nanos() - branches.stream().mapToLong(BranchTime::nanos).sum();
    }

    /// Milliseconds of a step: the threads' time divided by them. The parts add up to the step.
    public double milliseconds(long nanos) {
      return nanos / 1e6 / threads / steps;
    }

    /// Of all threads' time.
    public double share(long nanos) {
      return nanos / (double) allNanos();
    }
  }
}
