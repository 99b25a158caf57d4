// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Map;
import org.junit.jupiter.api.Test;

class RequestTest {
  /// `SparkRanksTest` of `longnet-cli` writes the same line.
  @Test
  void aLineSaysWhatEveryRankIsTold() {
    assertThat(
            Request.of(
                "longnet-spark:start\0"
                    + "2\000125\0LONGNET_RESUME=true\0LONGNET_RUN=/shared/my run=1\0LONGNET_TERMINAL=false"))
        .hasValue(
            new Request(
                2,
                125,
                Map.of(
                    "LONGNET_RESUME",
                    "true",
                    "LONGNET_RUN",
                    "/shared/my run=1",
                    "LONGNET_TERMINAL",
                    "false")));
  }

  @Test
  void whatIsForPeopleIsNoRequest() {
    for (String line : new String[] {"", "recipe       tiny", "longnet-spark:stop", "start\0002"}) {
      assertThat(Request.of(line)).as(line).isEmpty();
    }
    assertThat(Request.isStop("longnet-spark:stop")).isTrue();
    assertThat(Request.isStop("stop")).isFalse();
  }
}
