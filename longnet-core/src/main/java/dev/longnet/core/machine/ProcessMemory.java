// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.machine;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
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
    long total = system.getTotalMemorySize();
    if (free.isEmpty()) {
      return Math.min(system.getFreeMemorySize(), total);
    }
    long machine = field(MACHINE, "MemTotal:").orElse(total);
    long used = total < machine ? CONTAINER.stream().mapToLong(Group::used).max().orElse(0) : 0;
    return Math.max(0, Math.min(free.getAsLong(), total - used));
  }

  /// Bytes of the machine around a container; empty outside one, and where the system does not say.
  public static OptionalLong aroundContainer() {
    OptionalLong machine = field(MACHINE, "MemTotal:");
    return machine.isPresent() && total() < machine.getAsLong() ? machine : OptionalLong.empty();
  }

  /// Where a container's memory is counted, with version 2 of control groups and with version 1.
  private static final List<Group> CONTAINER =
      List.of(
          new Group(Path.of("/sys/fs/cgroup"), "memory.current", ""),
          new Group(Path.of("/sys/fs/cgroup/memory"), "memory.usage_in_bytes", "total_"));

  private record Group(Path directory, String usage, String prefix) {
    /// Bytes that the kernel cannot take back: all but what caches files.
    long used() {
      try {
        long used = Long.parseLong(Files.readString(directory.resolve(usage)).strip());
        for (String line : Files.readAllLines(directory.resolve("memory.stat"))) {
          if (line.startsWith(prefix + "inactive_file ")
              || line.startsWith(prefix + "active_file ")) {
            used -= Long.parseLong(line.substring(line.indexOf(' ') + 1));
          }
        }
        return Math.max(0, used);
      } catch (IOException | NumberFormatException notCounted) {
        return 0;
      }
    }
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
