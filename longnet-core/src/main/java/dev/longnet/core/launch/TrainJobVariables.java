// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import java.util.Optional;

/// What Kubeflow's TrainJob (torch) sets: arguments of a torchrun that need not be there. A pod is
/// one rank, whose threads use all of the pod's cores.
final class TrainJobVariables {
  private static final String RANK = "PET_NODE_RANK";
  private static final String NODES = "PET_NNODES";
  private static final String PROCESSES = "PET_NPROC_PER_NODE";

  private TrainJobVariables() {}

  static Optional<Claim> claim(Variables v) {
    if (!v.has(RANK) && !v.has(NODES)) {
      return Optional.empty();
    }
    if (v.text(NODES).orElse("").contains(":")) {
      throw new IllegalArgumentException(
          NODES + " must be one number, the number of ranks does not change: " + v.said(NODES));
    }
    int nodes = v.number(NODES, 1, Integer.MAX_VALUE, v.said(RANK));
    int rank = nodes == 1 && !v.has(RANK) ? 0 : v.index(RANK, nodes, NODES, v.said(NODES));
    // The controller's "auto", unless it makes it the number of cores. One rank it is for us.
    String processes = v.text(PROCESSES).orElse("1");
    if (!processes.equals("1") && !processes.equals("auto")) {
      throw new IllegalArgumentException(
          PROCESSES
              + " must be 1, a rank's threads use all cores of its pod: set numProcPerNode: 1 in "
              + "the TrainJob, or let torchrun start the ranks: "
              + v.said(PROCESSES));
    }
    String words = RANK + "=" + rank + " of " + v.said(NODES);
    return Optional.of(
        new Claim(
            rank,
            nodes,
            words,
            () ->
                new Launch(
                    Launcher.TRAIN_JOB,
                    rank,
                    nodes,
                    0,
                    1,
                    0,
                    new Launch.Store(
                        v.required("PET_MASTER_ADDR", words), v.port("PET_MASTER_PORT", words)))));
  }
}
