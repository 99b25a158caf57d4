// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.experiments.MemoryProbe;
import dev.longnet.experiments.Statistics;
import java.util.Arrays;
import java.util.OptionalLong;

/// One implementation at one length.
///
/// @param tokens N
/// @param seconds median of the samples, each the time of one call
/// @param fastest of them
/// @param samples how many
/// @param flops floating-point operations of one call: 4 D a query-key pair forward, 10 D backward
/// @param peakBytes resident memory at the call's peak beyond what was there before, results
///   included
/// @param heapBytes allocated on the Java heap
public record BenchResult(
    String name,
    long tokens,
    double seconds,
    double fastest,
    int samples,
    double flops,
    OptionalLong peakBytes,
    long heapBytes) {

  static BenchResult of(
      String name, long tokens, double[] samples, double flops, MemoryProbe memory) {
    return new BenchResult(
        name,
        tokens,
        Statistics.median(samples),
        Arrays.stream(samples).min().orElseThrow(),
        samples.length,
        flops,
        memory.peakBytes(),
        memory.heapBytes());
  }

  /// Operations a second, in 10^9.
  public double gigaflops() {
    return flops / seconds / 1e9;
  }
}
