// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.longnet.experiments.results.Measured;
import java.util.List;
import java.util.OptionalInt;

/// Evidence as runs would leave it.
final class Samples {
  static final ObjectMapper JSON = new ObjectMapper();

  static final Measured MEASURED =
      new Measured(
          "longnet reproduce",
          new Measured.Machine("a CPU", OptionalInt.of(2), "8.0 GiB", "", "Linux", "Java"),
          "abc1234",
          "2026-11-30T10:00:00Z",
          List.of(1L));

  private Samples() {}

  static Evidence evidence(RunId id, ObjectNode figures) {
    return new Evidence(id, MEASURED, 1.5, JSON.createObjectNode(), figures);
  }

  /// Losses of four groups of 1,000 bytes each, four bytes a token.
  ///
  /// @param bits a byte, at each of the lengths
  static ObjectNode heldOut(List<Integer> lengths, double... bits) {
    ObjectNode figures = JSON.createObjectNode();
    ObjectNode node = figures.putObject("heldout");
    node.put("tokens", 1000);
    ArrayNode bytes = node.putArray("group_bytes");
    for (int g = 0; g < 4; g++) {
      bytes.add(1000);
    }
    ArrayNode rows = node.putArray("lengths");
    for (int i = 0; i < bits.length; i++) {
      for (boolean blockwise : new boolean[] {false, true}) {
        ObjectNode row = rows.addObject();
        row.put("length", lengths.get(i));
        row.put("blockwise", blockwise);
        row.put("bits_per_byte", bits[i]);
        ArrayNode nats = row.putArray("group_nats");
        for (int g = 0; g < 4; g++) {
          nats.add(1000 * Math.log(2) * (bits[i] + 0.01 * (g - 1.5)));
        }
      }
    }
    return figures;
  }
}
