package dev.longnet.lm.inference.stream;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/// What this process holds of the machine's memory, as Linux counts it.
public final class ResidentMemory {
  private static final Path STATUS = Path.of("/proc/self/status");

  private ResidentMemory() {}

  /// Bytes now; 0 where the system does not say.
  public static long now() {
    return field("VmRSS:");
  }

  /// The most so far; 0 where the system does not say.
  public static long peak() {
    return field("VmHWM:");
  }

  private static long field(String name) {
    try {
      for (String line : Files.readAllLines(STATUS)) {
        if (line.startsWith(name)) {
          return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
        }
      }
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
    return 0;
  }
}
