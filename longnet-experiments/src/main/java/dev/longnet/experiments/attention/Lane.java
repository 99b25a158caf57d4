// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.experiments.MemoryProbe;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntFunction;

/// One thing that is timed, with its samples.
final class Lane {
  /// Calls shorter than this are timed several at once.
  private static final double SHORTEST_SAMPLE = 0.02;

  /// A second in which nothing got faster: C2 has compiled the kernels' loops by then.
  private static final double JAVA_WARM_UP = 1.0;

  private static final double LONGEST_WARM_UP = 15.0;

  final String name;
  final boolean afterProduct;
  private final boolean java;
  private final double flops;
  private final double seconds;
  private final IntFunction<Timing> call;
  private final List<Double> samples = new ArrayList<>();

  @SuppressWarnings("NullAway.Init") // comes with the first sample
  private MemoryProbe memory;

  private int calls = 1;
  private double spent;

  /// @param java whether it is Java's, which has to be compiled first
  /// @param afterProduct timed right after a matrix product
  /// @param flops of one call
  /// @param seconds it may take for all of its samples
  /// @param call takes a number of calls
  Lane(
      String name,
      boolean java,
      boolean afterProduct,
      double flops,
      double seconds,
      IntFunction<Timing> call) {
    this.name = name;
    this.java = java;
    this.afterProduct = afterProduct;
    this.flops = flops;
    this.seconds = seconds;
    this.call = call;
  }

  boolean hasTime() {
    return samples.isEmpty() || spent < seconds;
  }

  /// What takes most of its time at once is not warmed up: the first call is a sample. Java's gets
  /// a second chance.
  void warmUp() {
    Timing first = call.apply(1);
    double shortest = first.seconds();
    if (first.wall() > (java ? seconds : seconds / 2)) {
      keep(first);
    } else {
      double quiet = java ? JAVA_WARM_UP : 0.1;
      double longest = Math.min(LONGEST_WARM_UP, seconds);
      double sum = first.seconds();
      for (double since = 0; since < quiet && sum < longest; ) {
        double next = Math.max(call.apply(1).seconds(), 1e-5);
        sum += next;
        since = next < 0.9 * shortest ? 0 : since + next;
        shortest = Math.min(shortest, next);
      }
    }
    calls = (int) Math.ceil(SHORTEST_SAMPLE / Math.max(shortest, 1e-6));
  }

  void sample() {
    keep(call.apply(afterProduct ? 1 : calls));
  }

  private void keep(Timing timing) {
    samples.add(timing.seconds());
    spent += timing.wall();
    memory = timing.memory();
  }

  BenchResult result(long tokens) {
    return BenchResult.of(
        name, tokens, samples.stream().mapToDouble(Double::doubleValue).toArray(), flops, memory);
  }
}
