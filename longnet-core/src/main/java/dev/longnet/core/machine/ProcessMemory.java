// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.machine;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.OptionalLong;

/// Memory of this machine, or of the container this process lives in, and this process' part of it.
public final class ProcessMemory {
  private static final Path MACHINE = Path.of("/proc/meminfo");
  private static final Path PROCESS = Path.of("/proc/self/status");

  private ProcessMemory() {}

  /// Bytes this process can still get without swapping: what the kernel calls available, within a
  /// container's limit.
  public static long available() {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    // Where /proc is missing (macOS, Windows), free memory leaves out what caches would give back.
    OptionalLong free = field(MACHINE, "MemAvailable:");
    return free.isPresent()
        ? Math.min(free.getAsLong(), system.getTotalMemorySize())
        : system.getFreeMemorySize();
  }

  /// Bytes of the machine or the container.
  public static long total() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean())
        .getTotalMemorySize();
  }

  /// Bytes this process holds now; empty where the system does not say.
  public static OptionalLong resident() {
    return field(PROCESS, "VmRSS:");
  }

  /// The most it held so far; empty where the system does not say.
  public static OptionalLong peakResident() {
    return field(PROCESS, "VmHWM:");
  }

  /// A field of a /proc file that counts in KiB.
  private static OptionalLong field(Path file, String name) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(name)) {
          return OptionalLong.of(Long.parseLong(line.replaceAll("[^0-9]", "")) << 10);
        }
      }
    } catch (IOException | NumberFormatException notLinux) {
      return OptionalLong.empty();
    }
    return OptionalLong.empty();
  }
}
