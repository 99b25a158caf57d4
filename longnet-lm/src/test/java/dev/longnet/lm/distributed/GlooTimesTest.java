// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/// Prints how long two processes of this machine take.
@Tag("slow")
class GlooTimesTest {
  @Test
  void times() throws Exception {
    try (RankProcesses ranks = RankProcesses.start(60, "bench", "bench")) {
      ranks.rank(0).await("done", 120);
      System.err.println(ranks.rank(0).said());
    }
  }
}
