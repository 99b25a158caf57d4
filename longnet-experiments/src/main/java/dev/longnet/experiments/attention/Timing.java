// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.attention;

import dev.longnet.experiments.MemoryProbe;
import java.util.function.DoubleSupplier;

/// One sample: some calls of one implementation, one after another.
///
/// @param seconds of one call, what prepares it left out
/// @param memory of the sample at its peak; heapBytes of one call
/// @param wall seconds of all calls with what prepares them
record Timing(double seconds, double wall, MemoryProbe memory) {

  /// @param call runs once and tells its seconds
  static Timing of(int calls, DoubleSupplier call) {
    double[] sum = new double[1];
    long start = System.nanoTime();
    MemoryProbe memory =
        MemoryProbe.of(() -> {
          for (int i = 0; i < calls; i++) {
            sum[0] += call.getAsDouble();
          }
        });
    double wall = (System.nanoTime() - start) / 1e9;
    return new Timing(
        sum[0] / calls,
        wall,
        new MemoryProbe(
            memory.peakBytes(), memory.peakResidentBytes(), memory.heapBytes() / calls));
  }
}
