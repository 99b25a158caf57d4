package dev.longnet.lm.train;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.machine.Environment;
import dev.longnet.lm.torch.Torch;
import java.io.IOException;
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
    Environment here = Environment.here();
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put(
        "started",
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm zzz")
            .format(Instant.now().atZone(ZoneId.systemDefault())));
    json.put("cpu", here.cpu());
    json.put("cores", here.cores());
    json.put("memory", Forecast.bytes(here.memory()));
    json.put("system", here.system());
    json.put("java", here.java());
    json.put("threads", Torch.threads());
    json.put("matrix_products", Forecast.si(matrixFlops) + "FLOP/s");
    json.put("attention", attention);
    json.put("longnet", version);
    AtomicFiles.writeString(run.resolve("environment.json"), json.toPrettyString() + "\n");
  }
}
