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
    String name = cpuField("model name");
    return name.isEmpty() ? System.getProperty("os.arch") : name;
  }

  /// The processor's maker as it calls itself, and its family: `AuthenticAMD 25`. Blank where the
  /// system does not say them.
  public static String cpuFamily() {
    return cpuField("vendor_id") + " " + cpuField("cpu family");
  }

  private static String cpuField(String name) {
    try {
      for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
        if (line.startsWith(name)) {
          return line.substring(line.indexOf(':') + 1).strip();
        }
      }
    } catch (IOException notLinux) {
      return "";
    }
    return "";
  }
}
