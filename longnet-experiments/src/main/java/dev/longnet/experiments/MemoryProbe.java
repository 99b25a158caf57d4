// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments;

import com.sun.management.ThreadMXBean;
import dev.longnet.core.machine.ProcessMemory;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// What a call allocates: the process's peak of resident memory above where it stood (Linux only),
/// and the Java heap.
///
/// @param peakBytes resident memory beyond what there was before the call, its results included;
///   empty where the system does not tell
/// @param peakResidentBytes resident memory of the whole process at its peak during the call; empty
///   likewise
/// @param heapBytes allocated on the Java heap by all threads
public record MemoryProbe(OptionalLong peakBytes, OptionalLong peakResidentBytes, long heapBytes) {
  private static final Path CLEAR = Path.of("/proc/self/clear_refs");

  public static MemoryProbe of(Runnable call) {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    boolean resets = resetPeak();
    long before = resets ? ProcessMemory.resident().orElse(0) : 0;
    long heap = threads.getTotalThreadAllocatedBytes();
    call.run();
    heap = threads.getTotalThreadAllocatedBytes() - heap;
    if (!resets) {
      return new MemoryProbe(OptionalLong.empty(), OptionalLong.empty(), heap);
    }
    long peak = ProcessMemory.peakResident().orElse(0);
    return new MemoryProbe(
        OptionalLong.of(Math.max(0, peak - before)), OptionalLong.of(peak), heap);
  }

  /// Lets the kernel count the peak anew.
  private static boolean resetPeak() {
    try {
      Files.writeString(CLEAR, "5");
      return true;
    } catch (IOException | UnsupportedOperationException e) {
      return false;
    }
  }
}
