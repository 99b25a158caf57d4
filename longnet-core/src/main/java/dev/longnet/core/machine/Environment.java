// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.machine;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;

/// Where something ran, for the reports of runs and benchmarks.
///
/// @param cpu the processor's name
/// @param cores available to this process
/// @param memory bytes of the machine or the container
/// @param system name, version and architecture
/// @param java version and vendor
public record Environment(String cpu, int cores, long memory, String system, String java) {

  /// This process' own.
  public static Environment here() {
    return new Environment(
        cpuName(),
        Runtime.getRuntime().availableProcessors(),
        ProcessMemory.total(),
        String.format(
            Locale.ROOT,
            "%s %s %s",
            System.getProperty("os.name"),
            System.getProperty("os.version"),
            System.getProperty("os.arch")),
        Runtime.version() + ", " + System.getProperty("java.vendor"));
  }

  private static String cpuName() {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
        if (line.startsWith("model name")) {
          return line.substring(line.indexOf(':') + 1).strip();
        }
      }
    } catch (IOException notLinux) {
      return System.getProperty("os.arch");
    }
    return System.getProperty("os.arch");
  }
}
