// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/// Ranks in processes of their own, all of them killed in the end.
final class RankProcesses implements AutoCloseable {
  private final List<RankProcess> ranks = new ArrayList<>();

  /// As many ranks as scenarios.
  static RankProcesses start(int timeoutSeconds, String... scenarios) throws IOException {
    RankProcesses all = new RankProcesses();
    int port = AllRanks.freePort();
    try {
      for (int rank = 0; rank < scenarios.length; rank++) {
        all.ranks.add(
            RankProcess.start(scenarios[rank], rank, scenarios.length, port, timeoutSeconds));
      }
    } catch (IOException e) {
      all.close();
      throw e;
    }
    return all;
  }

  RankProcess rank(int rank) {
    return ranks.get(rank);
  }

  List<RankProcess> all() {
    return ranks;
  }

  @Override
  public void close() {
    ranks.forEach(RankProcess::close);
  }
}
