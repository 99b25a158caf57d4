// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.core.io.AtomicFiles;
import dev.longnet.core.stream.StreamReport;
import dev.longnet.core.stream.StreamingModel;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import org.jspecify.annotations.Nullable;

/// What `longnet stream --json` writes, at every save and at the end. Not finite values become
/// null.
final class StreamJson {
  private static final String REPORTS = "reports";

  private final @Nullable Path file;
  private final ObjectNode head = new ObjectMapper().createObjectNode();
  private final ArrayNode reports = new ObjectMapper().createArrayNode();

  /// @param file null: nothing is ever written
  StreamJson(@Nullable Path file, StreamingModel model, List<Path> inputs) {
    this.file = file;
    head.put("model_sha256", HexFormat.of().formatHex(model.hash()));
    ArrayNode paths = head.putArray("inputs");
    inputs.forEach(input -> paths.add(input.toString()));
    head.put("kernels", model.describe());
    head.put("weight_bytes", model.weightBytes());
  }

  /// Takes over what an earlier run wrote about this stream, up to where this one goes on.
  ///
  /// @throws IllegalArgumentException when the file holds something that this program did not write
  void keep(long tokens) throws IOException {
    if (file == null || !Files.isRegularFile(file)) {
      return;
    }
    JsonNode earlier;
    try {
      earlier = new ObjectMapper().readTree(file.toFile());
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(
          "--json holds no reports of an earlier run, delete it or name another file: " + file, e);
    }
    if (earlier.path("model_sha256").equals(head.get("model_sha256"))
        && earlier.path("inputs").equals(head.get("inputs"))) {
      for (JsonNode report : earlier.path(REPORTS)) {
        if (report.path("tokens").asLong() <= tokens) {
          reports.add(report);
        }
      }
    }
  }

  void add(StreamReport report) {
    reports.add(node(report));
  }

  /// @param total how the stream stands
  void write(StreamReport total) throws IOException {
    if (file != null) {
      ObjectNode whole = node(total);
      number(whole, "tokens_per_second", total.meanTokensPerSecond());
      ObjectNode all = head.deepCopy();
      all.set("total", whole);
      all.set(REPORTS, reports);
      AtomicFiles.writeString(file, all.toPrettyString() + "\n");
    }
  }

  private static ObjectNode node(StreamReport r) {
    ObjectNode node = new ObjectMapper().createObjectNode();
    node.put("tokens", r.tokens());
    node.put("bytes", r.bytes());
    number(node, "perplexity", r.perplexity());
    number(node, "recent_perplexity", r.recentPerplexity());
    number(node, "bits_per_byte", r.bitsPerByte());
    if (r.textless() > 0) {
      number(node, "textless_probability", r.textlessShare());
    }
    number(node, "seconds", r.seconds());
    number(node, "tokens_per_second", r.tokensPerSecond());
    node.put("state_bytes", r.stateBytes());
    node.put("resident_bytes", r.residentBytes());
    node.put("peak_resident_bytes", r.peakResidentBytes());
    return node;
  }

  private static void number(ObjectNode node, String key, double value) {
    if (Double.isFinite(value)) {
      node.put(key, value);
    } else {
      node.putNull(key);
    }
  }
}
