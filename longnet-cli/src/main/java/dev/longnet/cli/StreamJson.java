package dev.longnet.cli;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.lm.inference.stream.StreamReport;
import dev.longnet.lm.inference.stream.StreamingModel;
import java.util.HexFormat;
import java.util.List;

/// What `longnet stream --json` writes. Not finite values become null.
final class StreamJson {
  private StreamJson() {}

  static String of(StreamingModel model, List<StreamReport> reports, StreamReport last) {
    ObjectNode json = new ObjectMapper().createObjectNode();
    json.put("model_sha256", HexFormat.of().formatHex(model.hash()));
    json.put("kernels", model.describe());
    json.put("weight_bytes", model.weightBytes());
    json.set("total", report(last));
    ArrayNode rows = json.putArray("reports");
    reports.forEach(r -> rows.add(report(r)));
    return json.toPrettyString();
  }

  private static ObjectNode report(StreamReport r) {
    ObjectNode node = new ObjectMapper().createObjectNode();
    node.put("tokens", r.tokens());
    node.put("bytes", r.bytes());
    number(node, "perplexity", r.perplexity());
    number(node, "recent_perplexity", r.recentPerplexity());
    number(node, "bits_per_byte", r.bitsPerByte());
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
