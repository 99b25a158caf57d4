// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import com.fasterxml.jackson.databind.PropertyNamingStrategies;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.config.RunConfig;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.plan.Device;
import dev.longnet.core.plan.MeshPlan;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/// Plans as a file: seconds, bytes and tokens as numbers; what has no end is null.
final class PlanJson {
  private static final JsonMapper JSON =
      JsonMapper.builder()
          .propertyNamingStrategy(PropertyNamingStrategies.SNAKE_CASE)
          .enable(SerializationFeature.INDENT_OUTPUT)
          .build();

  private PlanJson() {}

  static void write(Path file, RunConfig config, Device device, List<MeshPlan> plans)
      throws IOException {
    ObjectNode top = JSON.createObjectNode();
    top.put("recipe", config.name());
    top.set("device", JSON.valueToTree(device));
    var list = top.putArray("plans");
    for (MeshPlan plan : plans) {
      ObjectNode node = JSON.valueToTree(plan);
      node.put("possible", plan.possible());
      ObjectNode step = (ObjectNode) node.get("time");
      step.put("tokens_per_second", plan.time().tokensPerSecond());
      ObjectNode exchange = (ObjectNode) node.get("exchange");
      if (Double.isInfinite(plan.exchange().tokensToHide())) {
        exchange.putNull("tokens_to_hide");
      }
      exchange.put("hidden", plan.exchange().isHidden(plan.tokens()));
      list.add(node);
    }
    AtomicFiles.writeString(file, JSON.writeValueAsString(top) + "\n");
  }
}
