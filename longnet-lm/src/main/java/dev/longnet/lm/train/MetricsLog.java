// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.train;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.io.AtomicFiles;
import java.io.Closeable;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// `metrics.jsonl`: one JSON object a line, each with a `step` and an `event`; appended line by
/// line.
public final class MetricsLog implements Closeable {
  private static final ObjectMapper JSON = new ObjectMapper();

  private final RecordFile out;

  private MetricsLog(RecordFile out) {
    this.out = out;
  }

  /// Opens for appending after `lastStep`: lines of later steps, which an interrupted run wrote
  /// after its last checkpoint, and a line cut off in the middle are dropped.
  public static MetricsLog open(Path file, long lastStep) throws IOException {
    if (Files.exists(file)) {
      List<String> kept = new ArrayList<>();
      // A line that the machine's end garbled is one that is cut off.
      for (String line : new String(Files.readAllBytes(file), StandardCharsets.UTF_8).split("\n")) {
        JsonNode node = parse(line);
        if (node != null && node.path("step").asLong(Long.MAX_VALUE) <= lastStep) {
          kept.add(line);
        }
      }
      AtomicFiles.writeString(file, kept.isEmpty() ? "" : String.join("\n", kept) + "\n");
    }
    return new MetricsLog(new RecordFile(file, StandardOpenOption.CREATE));
  }

  /// @param event `train`, `validation`, …
  public static ObjectNode line(String event, long step) {
    return JSON.createObjectNode().put("event", event).put("step", step);
  }

  public void write(ObjectNode line) throws IOException {
    out.append((JSON.writeValueAsString(line) + "\n").getBytes(StandardCharsets.UTF_8));
  }

  @Override
  public void close() throws IOException {
    out.close();
  }

  private static @Nullable JsonNode parse(String line) {
    try {
      return JSON.readTree(line);
    } catch (IOException cut) {
      return null;
    }
  }
}
