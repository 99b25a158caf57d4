// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import java.util.List;
import java.util.Optional;

/// `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `LOCAL_WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT`, as
/// torchrun, operators of clusters, people and this program set them.
final class RankVariables {
  static final String HOST = "MASTER_ADDR";
  static final String PORT = "MASTER_PORT";
  private static final String SIZE = "WORLD_SIZE";
  private static final String LOCAL_RANK = "LOCAL_RANK";
  private static final String LOCAL_SIZE = "LOCAL_WORLD_SIZE";

  /// torchrun's agent serves the store on this port already.
  private static final String AGENT_STORE = "TORCHELASTIC_USE_AGENT_STORE";

  private RankVariables() {}

  static boolean fromTorchrun(Variables v) {
    return v.has("RANK") && (v.has("TORCHELASTIC_RUN_ID") || v.has(AGENT_STORE));
  }

  static Optional<Claim> claim(Variables v) {
    if (!v.has("RANK")) {
      return Optional.empty();
    }
    int size = v.number(SIZE, 1, Integer.MAX_VALUE, v.said("RANK"));
    int rank = v.index("RANK", size, SIZE, "");
    String words = v.said("RANK") + " of " + v.said(SIZE);
    return Optional.of(new Claim(rank, size, words, () -> launch(v, rank, size, words)));
  }

  private static Launch launch(Variables v, int rank, int size, String words) {
    int localSize = 1;
    int localRank = 0;
    if (v.has(LOCAL_RANK) || v.has(LOCAL_SIZE)) {
      String either = v.said(v.has(LOCAL_RANK) ? LOCAL_RANK : LOCAL_SIZE);
      localSize = v.number(LOCAL_SIZE, 1, size, either);
      localRank = v.index(LOCAL_RANK, localSize, LOCAL_SIZE, either);
    }
    boolean own = v.has(LaunchEnvironment.STARTED_BY);
    boolean torchrun = fromTorchrun(v);
    return new Launch(
        own ? Launcher.LONGNET : torchrun ? Launcher.TORCHRUN : Launcher.VARIABLES,
        rank,
        size,
        localRank,
        localSize,
        own ? v.number(LaunchEnvironment.CORES, 1, Integer.MAX_VALUE, 0) : 0,
        new Launch.Store(
            v.required(HOST, words),
            v.port(PORT, words),
            !own && v.text(AGENT_STORE).equals(Optional.of("True")),
            own ? "0" : v.text("TORCHELASTIC_RESTART_COUNT").orElse("0")));
  }

  /// For an environment where nothing says a rank.
  static void refuseHalf(Variables v) {
    for (String size : List.of(SIZE, LOCAL_SIZE)) {
      if (v.number(size, 1, Integer.MAX_VALUE, 1) > 1) {
        v.required("RANK", v.said(size));
      }
    }
    if (v.has(LOCAL_RANK)) {
      v.required("RANK", v.said(LOCAL_RANK));
    }
  }

  /// `WORLD_SIZE` without `RANK` beside another launcher's rank.
  static void requireSize(Variables v, Claim claim) {
    if (v.number(SIZE, 1, Integer.MAX_VALUE, claim.size()) != claim.size()) {
      throw new IllegalArgumentException(
          "two launchers disagree, unset the variables of one of them: "
              + v.said(SIZE)
              + " and "
              + claim.words());
    }
  }
}
