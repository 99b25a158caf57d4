// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// Every row of the table of launchers, and everything that is refused.
class LaunchEnvironmentTest {
  private static final String TORCHRUN =
      "TORCHELASTIC_RUN_ID=none RANK=2 WORLD_SIZE=4 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 "
          + "MASTER_ADDR=h MASTER_PORT=29500 ";
  private static final String VARIABLES =
      "RANK=2 WORLD_SIZE=4 LOCAL_RANK=0 LOCAL_WORLD_SIZE=2 MASTER_ADDR=h MASTER_PORT=29500 ";
  private static final String SRUN =
      "SLURM_JOB_ID=1234 SLURM_STEP_ID=2 SLURM_PROCID=5 SLURM_STEP_NUM_TASKS=7 SLURM_NTASKS=16 "
          + "SLURM_NTASKS_PER_NODE=8 SLURM_STEP_TASKS_PER_NODE=4,3 SLURM_NODEID=1 SLURM_LOCALID=1 "
          + "SLURM_STEP_NODELIST=n[2-3] SLURM_JOB_NODELIST=n[1-8] ";
  private static final String SALLOC =
      "SLURM_JOB_ID=1234 SLURM_NTASKS=8 SLURM_JOB_NODELIST=n[1-2] SLURM_TASKS_PER_NODE=4(x2) ";
  private static final String INDEXED_JOB =
      "JOB_COMPLETION_INDEX=3 LONGNET_COMPLETIONS=8 HOSTNAME=run-a-3 LONGNET_SERVICE=ranks ";
  private static final String JOB_SET =
      "JOB_COMPLETION_INDEX=3 LONGNET_COMPLETIONS=8 LONGNET_JOB_INDEX=1 LONGNET_JOBS=2 "
          + "HOSTNAME=run-ranks-1-3 LONGNET_SERVICE=run ";
  private static final String TRAIN_JOB =
      "PET_NODE_RANK=3 PET_NNODES=4 PET_NPROC_PER_NODE=1 PET_MASTER_ADDR=run-node-0-0.run "
          + "PET_MASTER_PORT=29400 JOB_COMPLETION_INDEX=3 HOSTNAME=run-node-0-3 ";

  /// The names above stand for their variables; later ones replace earlier ones, `NAME=` unsets.
  static Map<String, String> environment(String words) {
    String all = words;
    for (Map.Entry<String, String> named :
        Map.of(
                "@torchrun", TORCHRUN,
                "@variables", VARIABLES,
                "@srun", SRUN,
                "@salloc", SALLOC,
                "@indexed", INDEXED_JOB,
                "@jobset", JOB_SET,
                "@trainjob", TRAIN_JOB)
            .entrySet()) {
      all = all.replace(named.getKey(), named.getValue());
    }
    Map<String, String> variables = new LinkedHashMap<>();
    Arrays.stream(all.strip().split("\\s+"))
        .filter(word -> !word.isEmpty())
        .map(word -> word.split("=", 2))
        .forEach(pair -> variables.put(pair[0], pair[1]));
    return variables;
  }

  private static Optional<Launch> read(Integer ranks, String words) {
    return LaunchEnvironment.read(
        ranks == null ? OptionalInt.empty() : OptionalInt.of(ranks),
        environment(words == null ? "" : words));
  }

  /// Expected: launcher, rank/size, local rank/size, cores, store, who serves it.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          | @torchrun                                           | TORCHRUN   2/4 0/2 0 h:29500
          | @torchrun TORCHELASTIC_USE_AGENT_STORE=True         | TORCHRUN   2/4 0/2 0 h:29500 launcher
          | @torchrun TORCHELASTIC_USE_AGENT_STORE=True RANK=0  | TORCHRUN   0/4 0/2 0 h:29500 launcher
          | @torchrun TORCHELASTIC_USE_AGENT_STORE=False RANK=0 | TORCHRUN   0/4 0/2 0 h:29500 here
          | @variables                                          | VARIABLES  2/4 0/2 0 h:29500
          | @variables RANK=0                                   | VARIABLES  0/4 0/2 0 h:29500 here
          | @variables LOCAL_RANK= LOCAL_WORLD_SIZE=            | VARIABLES  2/4 0/1 0 h:29500
          4 | @variables                                        | VARIABLES  2/4 0/2 0 h:29500
          | @variables LONGNET_STARTED_BY=17 RANK=0             | LONGNET    0/4 0/2 0 h:29500 here
          | @variables LONGNET_STARTED_BY=17 LONGNET_CORES=3    | LONGNET    2/4 0/2 3 h:29500
          | @variables LONGNET_CORES=3                          | VARIABLES  2/4 0/2 0 h:29500
          | @srun                                               | SLURM      5/7 1/3 0 n2:22256
          | @srun SLURM_PROCID=0 SLURM_NODEID=0 SLURM_LOCALID=0 | SLURM      0/7 0/4 0 n2:22256 here
          | @srun SLURM_STEP_ID=3                               | SLURM      5/7 1/3 0 n2:22257
          | @srun SLURM_STEP_NUM_TASKS=                         | SLURM      5/16 1/3 0 n2:22256
          | @srun SLURM_STEP_NODELIST=                          | SLURM      5/7 1/3 0 n1:22256
          | @srun SLURM_STEP_TASKS_PER_NODE= SLURM_TASKS_PER_NODE=8(x2) | SLURM 5/7 1/8 0 n2:22256
          | @srun SLURM_STEP_ID= SLURM_STEPID=2 SLURM_JOB_ID= SLURM_JOBID=1234 | SLURM 5/7 1/3 0 n2:22256
          | @srun SLURM_CPUS_PER_TASK=6 SLURM_CPUS_ON_NODE=64   | SLURM      5/7 1/3 6 n2:22256
          | @srun SLURM_CPUS_ON_NODE=64                         | SLURM      5/7 1/3 21 n2:22256
          | @srun MASTER_ADDR=10.0.0.7 MASTER_PORT=7777         | SLURM      5/7 1/3 0 10.0.0.7:7777
          | @srun WORLD_SIZE=7                                  | SLURM      5/7 1/3 0 n2:22256
          7 | @srun                                             | SLURM      5/7 1/3 0 n2:22256
          | @indexed                                            | KUBERNETES 3/8 0/1 0 run-a-0.ranks:29500
          | @indexed JOB_COMPLETION_INDEX=0 HOSTNAME=run-a-0    | KUBERNETES 0/8 0/1 0 run-a-0.ranks:29500 here
          | @indexed HOSTNAME= LONGNET_SERVICE= MASTER_ADDR=h MASTER_PORT=5 | KUBERNETES 3/8 0/1 0 h:5
          | @jobset                                             | KUBERNETES 11/16 0/1 0 run-ranks-0-0.run:29500
          | @jobset LONGNET_JOB_INDEX=0 JOB_COMPLETION_INDEX=0 HOSTNAME=run-ranks-0-0 | KUBERNETES 0/16 0/1 0 run-ranks-0-0.run:29500 here
          | @trainjob                                           | TRAIN_JOB  3/4 0/1 0 run-node-0-0.run:29400
          | @trainjob PET_NODE_RANK=0                           | TRAIN_JOB  0/4 0/1 0 run-node-0-0.run:29400 here
          | @trainjob PET_NPROC_PER_NODE=auto                   | TRAIN_JOB  3/4 0/1 0 run-node-0-0.run:29400
          | @trainjob PET_NPROC_PER_NODE=                       | TRAIN_JOB  3/4 0/1 0 run-node-0-0.run:29400
          """)
  void everyLauncherIsUnderstood(Integer ranks, String words, String expected) {
    Launch launch = read(ranks, words).orElseThrow();
    String[] fields = expected.split("\\s+");
    assertThat(launch.launcher()).isEqualTo(Launcher.valueOf(fields[0]));
    assertThat(launch.rank() + "/" + launch.size()).isEqualTo(fields[1]);
    assertThat(launch.localRank() + "/" + launch.localSize()).isEqualTo(fields[2]);
    assertThat(launch.cores()).isEqualTo(Integer.parseInt(fields[3]));
    assertThat(launch.store().host() + ":" + launch.store().port()).isEqualTo(fields[4]);
    String serves = fields.length > 5 ? fields[5] : "";
    assertThat(launch.store().served()).isEqualTo(serves.equals("launcher"));
    assertThat(launch.serves()).isEqualTo(serves.equals("here"));
  }

  /// The first that is set holds; launchers may agree, and one of a single process may stand around
  /// one of many.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          @variables RANK=5 WORLD_SIZE=7 @srun                             | VARIABLES 5/7
          @variables RANK=3 WORLD_SIZE=4 @trainjob                         | VARIABLES 3/4
          @trainjob @srun SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=4            | TRAIN_JOB 3/4
          @trainjob LONGNET_COMPLETIONS=4                                  | TRAIN_JOB 3/4
          @srun @indexed SLURM_PROCID=3 SLURM_STEP_NUM_TASKS=8             | SLURM 3/8
          @variables @srun SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1           | VARIABLES 2/4
          @variables JOB_COMPLETION_INDEX=3                                | VARIABLES 2/4
          @variables @salloc                                               | VARIABLES 2/4
          @torchrun @srun                                                  | TORCHRUN 2/4
          @torchrun TORCHELASTIC_RUN_ID= TORCHELASTIC_USE_AGENT_STORE=True @srun | TORCHRUN 2/4
          @torchrun @trainjob PET_NPROC_PER_NODE=4                         | TORCHRUN 2/4
          @variables LONGNET_STARTED_BY=1 @srun                            | LONGNET 2/4
          """)
  void theFirstThatIsSetHolds(String words, String expected) {
    Launch launch = read(null, words).orElseThrow();
    assertThat(launch.launcher() + " " + launch.rank() + "/" + launch.size())
        .isEqualTo(
            Launcher.valueOf(expected.split(" ")[0]).toString() + " " + expected.split(" ")[1]);
  }

  /// A world of one is a process of its own, and so is what no launcher started.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          |
          1 |
          4 |
          | RANK=0 WORLD_SIZE=1
          | @torchrun RANK=0 WORLD_SIZE=1
          4 | @torchrun RANK=0 WORLD_SIZE=1
          | WORLD_SIZE=1
          | LOCAL_WORLD_SIZE=1
          | MASTER_ADDR=h MASTER_PORT=29500
          | RANK=
          | SLURM_JOB_ID=7 SLURM_NTASKS=1
          | @srun SLURM_PROCID=0 SLURM_STEP_NUM_TASKS=1
          1 | @salloc
          4 | @salloc
          1 | JOB_COMPLETION_INDEX=3
          4 | JOB_COMPLETION_INDEX=3
          | JOB_COMPLETION_INDEX=0 LONGNET_COMPLETIONS=1
          | PET_NNODES=1
          | PET_NNODES=1 PET_NODE_RANK=0 PET_NPROC_PER_NODE=auto
          """)
  void otherwiseItIsAProcessOfItsOwn(Integer ranks, String words) {
    assertThat(read(ranks, words)).isEmpty();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          | @variables RANK=4               | RANK must be less than WORLD_SIZE=4: RANK=4
          | @variables RANK=-1              | RANK must be a whole number of at least 0: RANK=-1
          | @variables RANK=two             | RANK must be a whole number of at least 0: RANK=two
          | @variables RANK=99999999999     | RANK must be a whole number of at least 0: RANK=99999999999
          | @variables WORLD_SIZE=          | WORLD_SIZE must be set, it is not: RANK=2 needs it
          | @variables WORLD_SIZE=0         | WORLD_SIZE must be a whole number of at least 1: WORLD_SIZE=0
          | @variables RANK=                | RANK must be set, it is not: WORLD_SIZE=4 needs it
          | @variables MASTER_ADDR=         | MASTER_ADDR must be set, it is not: RANK=2 of WORLD_SIZE=4 needs it
          | @variables MASTER_PORT=         | MASTER_PORT must be set, it is not: RANK=2 of WORLD_SIZE=4 needs it
          | @variables MASTER_PORT=70000    | MASTER_PORT must be a whole number from 1 to 65535: MASTER_PORT=70000
          | @variables MASTER_PORT=0        | MASTER_PORT must be a whole number from 1 to 65535: MASTER_PORT=0
          | @variables LOCAL_RANK=          | LOCAL_RANK must be set, it is not: LOCAL_WORLD_SIZE=2 needs it
          | @variables LOCAL_WORLD_SIZE=    | LOCAL_WORLD_SIZE must be set, it is not: LOCAL_RANK=0 needs it
          | @variables LOCAL_RANK=2         | LOCAL_RANK must be less than LOCAL_WORLD_SIZE=2: LOCAL_RANK=2
          | @variables LOCAL_WORLD_SIZE=5   | LOCAL_WORLD_SIZE must be a whole number from 1 to 4: LOCAL_WORLD_SIZE=5
          | WORLD_SIZE=2                    | RANK must be set, it is not: WORLD_SIZE=2 needs it
          2 | WORLD_SIZE=2                  | RANK must be set, it is not: WORLD_SIZE=2 needs it
          | LOCAL_WORLD_SIZE=2              | RANK must be set, it is not: LOCAL_WORLD_SIZE=2 needs it
          | LOCAL_RANK=0                    | RANK must be set, it is not: LOCAL_RANK=0 needs it
          | RANK=0 WORLD_SIZE=1 @srun       | two launchers disagree, unset the variables of one of them: RANK=0 of WORLD_SIZE=1 and SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7
          | @variables @srun                | two launchers disagree, unset the variables of one of them: RANK=2 of WORLD_SIZE=4 and SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7
          | @variables RANK=5 WORLD_SIZE=8 @srun | two launchers disagree, unset the variables of one of them: RANK=5 of WORLD_SIZE=8 and SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7
          | @variables @indexed             | two launchers disagree, unset the variables of one of them: RANK=2 of WORLD_SIZE=4 and JOB_COMPLETION_INDEX=3 of LONGNET_COMPLETIONS=8
          | @trainjob @srun                 | two launchers disagree, unset the variables of one of them: PET_NODE_RANK=3 of PET_NNODES=4 and SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7
          | @srun WORLD_SIZE=8              | two launchers disagree, unset the variables of one of them: WORLD_SIZE=8 and SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7
          2 | @variables                    | ranks must be the 4 of the launcher, or be left out (RANK=2 of WORLD_SIZE=4): ranks=2
          1 | @variables                    | ranks must be the 4 of the launcher, or be left out (RANK=2 of WORLD_SIZE=4): ranks=1
          4 | @srun                         | ranks must be the 7 of the launcher, or be left out (SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7): ranks=4
          | @salloc                         | SLURM_NTASKS must come with srun, which starts its tasks: start with srun, or give ranks=1 for one process in this allocation: SLURM_NTASKS=8
          | @salloc SLURM_PROCID=0 SLURM_NODEID=0 SLURM_LOCALID=0 | SLURM_NTASKS must come with srun, which starts its tasks: start with srun, or give ranks=1 for one process in this allocation: SLURM_NTASKS=8
          | SLURM_NTASKS=many               | SLURM_NTASKS must be a whole number of at least 1: SLURM_NTASKS=many
          | @srun SLURM_PROCID=             | SLURM_PROCID must be set, it is not: SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_PROCID=7            | SLURM_PROCID must be less than SLURM_STEP_NUM_TASKS=7: SLURM_PROCID=7
          | @srun SLURM_PROCID=x            | SLURM_PROCID must be a whole number of at least 0: SLURM_PROCID=x
          | @srun SLURM_STEP_NUM_TASKS= SLURM_NTASKS= | SLURM_STEP_NUM_TASKS or SLURM_NTASKS must be set, it is not: a step of Slurm needs it
          | @srun SLURM_LOCALID=            | SLURM_LOCALID must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_LOCALID=3           | SLURM_LOCALID must be less than the node's tasks=3: SLURM_LOCALID=3
          | @srun SLURM_NODEID=             | SLURM_NODEID must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_NODEID=2            | SLURM_NODEID must be less than the number of nodes in SLURM_STEP_TASKS_PER_NODE=4,3: SLURM_NODEID=2
          | @srun SLURM_STEP_TASKS_PER_NODE=4x2 | SLURM_STEP_TASKS_PER_NODE must be tasks by node such as 4(x2),3: SLURM_STEP_TASKS_PER_NODE=4x2
          | @srun SLURM_STEP_TASKS_PER_NODE= | SLURM_STEP_TASKS_PER_NODE or SLURM_TASKS_PER_NODE must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_STEP_NODELIST=n[1-  | SLURM_STEP_NODELIST must be a list of hosts such as n[1-3,7],m05: SLURM_STEP_NODELIST=n[1-
          | @srun SLURM_STEP_NODELIST= SLURM_JOB_NODELIST= | SLURM_STEP_NODELIST or SLURM_JOB_NODELIST must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_JOB_ID=             | SLURM_JOB_ID or SLURM_JOBID must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun SLURM_STEP_ID=            | SLURM_STEP_ID or SLURM_STEPID must be set, it is not: SLURM_PROCID=5 of SLURM_STEP_NUM_TASKS=7 needs it
          | @srun MASTER_PORT=x             | MASTER_PORT must be a whole number from 1 to 65535: MASTER_PORT=x
          | JOB_COMPLETION_INDEX=3          | LONGNET_COMPLETIONS must be set beside JOB_COMPLETION_INDEX, to the completions of the Job: set it, or give ranks=1 for a process of its own in each pod: JOB_COMPLETION_INDEX=3
          | @indexed JOB_COMPLETION_INDEX=8 | JOB_COMPLETION_INDEX must be less than LONGNET_COMPLETIONS=8: JOB_COMPLETION_INDEX=8
          | @indexed LONGNET_COMPLETIONS=0  | LONGNET_COMPLETIONS must be a whole number of at least 1: LONGNET_COMPLETIONS=0
          | @indexed LONGNET_SERVICE=       | LONGNET_SERVICE or MASTER_ADDR must be set, it is not: JOB_COMPLETION_INDEX=3 of LONGNET_COMPLETIONS=8 needs it
          | @indexed HOSTNAME=              | HOSTNAME must be set, it is not: JOB_COMPLETION_INDEX=3 of LONGNET_COMPLETIONS=8 needs it
          | @indexed HOSTNAME=run-a-4       | HOSTNAME must end in -3, as Kubernetes names the pods of an Indexed Job, or MASTER_ADDR must be set: HOSTNAME=run-a-4
          | @jobset LONGNET_JOBS=           | LONGNET_JOBS must be set, it is not: LONGNET_JOB_INDEX=1 needs it
          | @jobset LONGNET_JOB_INDEX=      | LONGNET_JOB_INDEX must be set, it is not: LONGNET_JOBS=2 needs it
          | @jobset LONGNET_JOB_INDEX=2     | LONGNET_JOB_INDEX must be less than LONGNET_JOBS=2: LONGNET_JOB_INDEX=2
          | @jobset LONGNET_JOBS=2000000000 | LONGNET_JOBS must be a whole number from 1 to 268435455: LONGNET_JOBS=2000000000
          | @jobset HOSTNAME=run-ranks-0-3  | HOSTNAME must end in -1-3, as Kubernetes names the pods of an Indexed Job, or MASTER_ADDR must be set: HOSTNAME=run-ranks-0-3
          | @trainjob PET_NODE_RANK=4       | PET_NODE_RANK must be less than PET_NNODES=4: PET_NODE_RANK=4
          | @trainjob PET_NODE_RANK=        | PET_NODE_RANK must be set, it is not: PET_NNODES=4 needs it
          | @trainjob PET_NNODES=           | PET_NNODES must be set, it is not: PET_NODE_RANK=3 needs it
          | @trainjob PET_NNODES=1:4        | PET_NNODES must be one number, the number of ranks does not change: PET_NNODES=1:4
          | @trainjob PET_NPROC_PER_NODE=8  | PET_NPROC_PER_NODE must be 1, a rank's threads use all cores of its pod: set numProcPerNode: 1 in the TrainJob, or let torchrun start the ranks: PET_NPROC_PER_NODE=8
          | @trainjob PET_NPROC_PER_NODE=gpu | PET_NPROC_PER_NODE must be 1, a rank's threads use all cores of its pod: set numProcPerNode: 1 in the TrainJob, or let torchrun start the ranks: PET_NPROC_PER_NODE=gpu
          | @trainjob PET_MASTER_ADDR=      | PET_MASTER_ADDR must be set, it is not: PET_NODE_RANK=3 of PET_NNODES=4 needs it
          | @trainjob PET_MASTER_PORT=-1    | PET_MASTER_PORT must be a whole number from 1 to 65535: PET_MASTER_PORT=-1
          """)
  void whatIsWrongIsOneLine(Integer ranks, String words, String message) {
    assertThatThrownBy(() -> read(ranks, words))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage(message);
  }

  /// torchrun's store outlives the ranks that it starts again.
  @Test
  void startsOfTorchrunAreToldApart() {
    String again = "@torchrun TORCHELASTIC_RESTART_COUNT=3";
    assertThat(read(null, again).orElseThrow().store().attempt()).isEqualTo("3");
    assertThat(read(null, "@torchrun").orElseThrow().store().attempt()).isEqualTo("0");
    assertThat(read(null, again + " LONGNET_STARTED_BY=1").orElseThrow().store().attempt())
        .isEqualTo("0");
  }

  @ParameterizedTest
  @CsvSource({
    "64, 1, 0, 64",
    "64, 4, 0, 16",
    "3, 4, 0, 1",
    "2, 2, 0, 1",
    // Bound by Slurm already, or not.
    "6, 4, 6, 6",
    "64, 4, 6, 6",
    "4, 4, 6, 4",
  })
  void ranksOfAMachineShareItsCores(int processors, int localSize, int cores, int threads) {
    Launch launch = new Launch(Launcher.SLURM, 0, 8, 0, localSize, cores, new Launch.Store("h", 1));
    assertThat(launch.threads(processors)).isEqualTo(threads);
  }
}
