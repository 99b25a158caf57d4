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
    long used = total < machine ? usedInContainer() : 0;
    return Math.max(0, Math.min(free.getAsLong(), total - used));
  }

  /// Bytes of the machine around a container; empty outside one, and where the system does not say.
  public static OptionalLong aroundContainer() {
    OptionalLong machine = field(MACHINE, "MemTotal:");
    return machine.isPresent() && total() < machine.getAsLong() ? machine : OptionalLong.empty();
  }

  /// What this process' control group uses, without what caches files: the kernel takes that back.
  private static long usedInContainer() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/self/cgroup"))) {
        String[] parts = line.split(":", 3); // hierarchy, controllers, path
        boolean second = line.startsWith("0::");
        if (second || List.of(parts[1].split(",")).contains("memory")) {
          Path root = Path.of(second ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory");
          // Some containers see their own group at the root, and its path from outside.
          Path group = root.resolve("." + parts[2]);
          Path found = Files.isDirectory(group) ? group : root;
          if (Files.exists(found.resolve("memory.stat"))) {
            return second
                ? used(found, "memory.current", "")
                : used(found, "memory.usage_in_bytes", "total_");
          }
        }
      }
    } catch (IOException | NumberFormatException notCounted) {
      return 0;
    }
    return 0;
  }

  private static long used(Path group, String usage, String prefix) throws IOException {
    long used = Long.parseLong(Files.readString(group.resolve(usage)).strip());
    for (String line : Files.readAllLines(group.resolve("memory.stat"))) {
      if (line.startsWith(prefix + "inactive_file ") || line.startsWith(prefix + "active_file ")) {
        used -= Long.parseLong(line.substring(line.indexOf(' ') + 1));
      }
    }
    return Math.max(0, used);
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
