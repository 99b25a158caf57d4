package dev.longnet.lm.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.sun.management.OperatingSystemMXBean;
import dev.longnet.lm.config.Forecast;
import dev.longnet.lm.io.AtomicFiles;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneId;
import java.time.format.DateTimeFormatter;

/// `environment.json`: where and with what a run was made, for its report.
public final class RunEnvironment {
  private RunEnvironment() {}

  /// @param attention the operator's own line
  /// @param matrixFlops the machine's measured matrix-product rate, FLOP/s
  /// @param version of this program
  public static void write(Path run, String attention, double matrixFlops, String version)
      throws IOException {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put(
        "started",
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm zzz")
            .format(Instant.now().atZone(ZoneId.systemDefault())));
    json.put("cpu", cpu());
    json.put("cores", Runtime.getRuntime().availableProcessors());
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    json.put("memory", Forecast.bytes(system.getTotalMemorySize()));
    json.put(
        "system",
        System.getProperty("os.name")
            + " "
            + System.getProperty("os.version")
            + " "
            + System.getProperty("os.arch"));
    json.put("java", Runtime.version() + ", " + System.getProperty("java.vendor"));
    json.put("threads", Torch.threads());
    json.put("matrix_products", Forecast.si(matrixFlops) + "FLOP/s");
    json.put("attention", attention);
    json.put("longnet", version);
    AtomicFiles.writeString(run.resolve("environment.json"), json.toPrettyString() + "\n");
  }

  /// The processor's name; its architecture where the system does not say.
  public static String cpu() {
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
