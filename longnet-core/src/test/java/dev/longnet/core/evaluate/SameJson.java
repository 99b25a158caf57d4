// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.evaluate;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import com.fasterxml.jackson.databind.JsonNode;

/// Compares results whose sums were made in another order.
public final class SameJson {
  private SameJson() {}

  /// @param tolerance of a number, relative where it is above 1
  public static void require(JsonNode actual, JsonNode expected, double tolerance) {
    assertThat(actual.getNodeType()).isEqualTo(expected.getNodeType());
    assertThat(actual.size()).isEqualTo(expected.size());
    if (expected.isNumber()) {
      double most = tolerance * Math.max(1, Math.abs(expected.asDouble()));
      assertThat(actual.asDouble()).isCloseTo(expected.asDouble(), within(most));
    } else if (expected.isContainerNode()) {
      expected
          .fieldNames()
          .forEachRemaining(name -> require(actual.get(name), expected.get(name), tolerance));
      for (int i = 0; expected.isArray() && i < expected.size(); i++) {
        require(actual.get(i), expected.get(i), tolerance);
      }
    } else {
      assertThat(actual).isEqualTo(expected);
    }
  }
}
