// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import dev.longnet.core.io.Field;
import dev.longnet.core.io.FieldException;
import java.util.Optional;
import java.util.stream.Stream;

/// What `srun` sets in each task of a step.
final class SlurmVariables {
  private static final String RANK = "SLURM_PROCID";
  private static final String JOB_TASKS = "SLURM_NTASKS";
  private static final String STEP_TASKS = "SLURM_STEP_NUM_TASKS";
  private static final String STEP_NODES = "SLURM_STEP_NODELIST";
  private static final String JOB_NODES = "SLURM_JOB_NODELIST";

  /// Ports of stores: below those that Linux hands out by itself, which begin at 32,768.
  private static final int FIRST_PORT = 20_000;

  private static final int PORTS = 12_000;

  private SlurmVariables() {}

  /// Empty outside a step: a batch script and the shell of an allocation are no rank.
  static Optional<Claim> claim(Variables v) {
    if (!inStep(v)) {
      return Optional.empty();
    }
    String sizeName = v.first("a step of Slurm", STEP_TASKS, JOB_TASKS);
    int size = v.number(sizeName, 1, Integer.MAX_VALUE, "");
    int rank = v.index(RANK, size, sizeName, v.said(sizeName));
    String words = v.said(RANK) + " of " + v.said(sizeName);
    return Optional.of(new Claim(rank, size, words, () -> launch(v, rank, size, words)));
  }

  private static boolean inStep(Variables v) {
    return Stream.of("SLURM_STEP_ID", "SLURM_STEPID", STEP_TASKS, STEP_NODES).anyMatch(v::has);
  }

  private static Launch launch(Variables v, int rank, int size, String words) {
    // SLURM_NTASKS_PER_NODE is what was asked for, not what is.
    String perNode = v.first(words, "SLURM_STEP_TASKS_PER_NODE", "SLURM_TASKS_PER_NODE");
    int node = v.number("SLURM_NODEID", 0, Integer.MAX_VALUE, words);
    int localSize = SlurmLists.tasksOf(node, perNode, v.required(perNode, words));
    int localRank = v.index("SLURM_LOCALID", localSize, "the node's tasks", words);
    int perTask = v.number("SLURM_CPUS_PER_TASK", 1, Integer.MAX_VALUE, 0);
    int onNode = v.number("SLURM_CPUS_ON_NODE", 1, Integer.MAX_VALUE, 0);
    return new Launch(
        Launcher.SLURM,
        rank,
        size,
        localRank,
        localSize,
        perTask > 0 ? perTask : onNode > 0 ? Math.max(1, onNode / localSize) : 0,
        new Launch.Store(host(v, words), port(v, words)));
  }

  private static String host(Variables v, String words) {
    if (v.has(RankVariables.HOST)) {
      return v.required(RankVariables.HOST, words);
    }
    String list = v.first(words, STEP_NODES, JOB_NODES);
    return SlurmLists.hosts(list, v.required(list, words)).getFirst();
  }

  private static int port(Variables v, String words) {
    if (v.has(RankVariables.PORT)) {
      return v.port(RankVariables.PORT, words);
    }
    long job = v.number(v.first(words, "SLURM_JOB_ID", "SLURM_JOBID"), 0, Integer.MAX_VALUE, words);
    String step = v.first(words, "SLURM_STEP_ID", "SLURM_STEPID");
    return FIRST_PORT + (int) ((31 * job + v.number(step, 0, Integer.MAX_VALUE, words)) % PORTS);
  }

  /// An allocation of several tasks whose tasks nothing started.
  static void refuseWithoutSrun(Variables v) {
    if (v.number(JOB_TASKS, 1, Integer.MAX_VALUE, 1) > 1) {
      throw new FieldException(
          "%s must come with srun, which starts its tasks: start with srun, or give %s for one "
              + "process in this allocation: %s",
          JOB_TASKS, Field.of("ranks", 1), v.said(JOB_TASKS));
    }
  }
}
