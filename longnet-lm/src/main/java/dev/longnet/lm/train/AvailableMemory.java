package dev.longnet.lm.train;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;

/// Memory of this machine, or of the container this process lives in.
public final class AvailableMemory {
  private AvailableMemory() {}

  /// Bytes this process can still get without swapping: what the kernel calls available, within a
  /// container's limit.
  public static long bytes() {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    long free = procField(Path.of("/proc/meminfo"), "MemAvailable:");
    // Where /proc is missing (macOS, Windows), free memory leaves out what caches would give back.
    return free < 0 ? system.getFreeMemorySize() : Math.min(free, system.getTotalMemorySize());
  }

  /// Resident bytes of this process; -1 where the system does not say.
  public static long resident() {
    return procField(Path.of("/proc/self/status"), "VmRSS:");
  }

  private static long procField(Path file, String field) {
    try {
      for (String line : Files.readAllLines(file)) {
        if (line.startsWith(field)) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) << 10;
        }
      }
    } catch (IOException | NumberFormatException unreadable) {
      return -1;
    }
    return -1;
  }
}
