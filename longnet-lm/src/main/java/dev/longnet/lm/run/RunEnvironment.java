// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.run;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.Forecast;
import dev.longnet.core.config.RuntimeConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.machine.Environment;
import dev.longnet.lm.model.Decoder;
import dev.longnet.lm.torch.Torch;
import dev.longnet.lm.torch.TorchThreads;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Locale;

/// `environment.json`: where and with what a run was made, for its report.
final class RunEnvironment {
  private RunEnvironment() {}

  /// @param model its mixers' own lines are written
  /// @param matrixFlops the machine's measured matrix-product rate, FLOP/s
  /// @param program who runs it
  static void write(
      Path run, RuntimeConfig runtime, Decoder model, double matrixFlops, String program)
      throws IOException {
    Environment here = Environment.here();
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put(
        "started",
        DateTimeFormatter.ofPattern("yyyy-MM-dd HH:mm 'UTC'", Locale.ROOT)
            .format(Instant.now().atOffset(ZoneOffset.UTC)));
    json.put("cpu", here.cpu());
    json.put("cores", here.cores());
    json.put("memory", Forecast.bytes(here.memory()));
    json.put("system", here.system());
    json.put("java", here.java());
    try (TorchThreads _ = Torch.threads(runtime.threads())) {
      json.put("threads", Torch.threads());
      json.put("matrix_products", Forecast.si(matrixFlops) + "FLOP/s");
      json.put("attention", model.describe());
    }
    json.put("longnet", program);
    AtomicFiles.writeString(run.resolve("environment.json"), json.toPrettyString() + "\n");
  }
}
