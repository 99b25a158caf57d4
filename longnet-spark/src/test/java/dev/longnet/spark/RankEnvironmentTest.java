// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.launch.Launch;
import dev.longnet.core.launch.LaunchEnvironment;
import dev.longnet.core.launch.Launcher;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a task tells its rank is what the rank reads.
class RankEnvironmentTest {
  /// Tasks lie on executors in any order.
  private static final List<String> HOSTS = List.of("a", "b", "a", "c", "b", "a");

  @ParameterizedTest
  @CsvSource({"0,0,3", "1,0,2", "2,1,3", "3,0,1", "4,1,2", "5,2,3"})
  void aRankLearnsItsPlace(int rank, int localRank, int localSize) {
    Launch launch = read(rank, Map.of());
    assertThat(launch)
        .isEqualTo(
            new Launch(
                Launcher.LONGNET,
                rank,
                6,
                localRank,
                localSize,
                4,
                new Launch.Store("a", 41_234, false, "0")));
    assertThat(launch.serves()).isEqualTo(rank == 0);
    // The cores of a task, whatever the machine has.
    assertThat(launch.threads(64)).isEqualTo(4);
  }

  /// Spark's workers may themselves be tasks of Slurm.
  @Test
  void anOuterLaunchersVariablesDoNotCount() {
    Map<String, String> outer =
        Map.of("SLURM_PROCID", "3", "SLURM_STEP_NUM_TASKS", "4", "JOB_COMPLETION_INDEX", "1");
    assertThat(read(2, outer)).isEqualTo(read(2, Map.of()));
  }

  @ParameterizedTest
  @CsvSource({
    "node-7:40123, node-7",
    "10.1.0.7:40123, 10.1.0.7",
    "[fd00::7]:40123, fd00::7",
    "worker.example.org:1, worker.example.org"
  })
  void anExecutorsHostIsThatOfItsAddress(String address, String host) {
    assertThat(RankEnvironment.host(address)).isEqualTo(host);
  }

  private static Launch read(int rank, Map<String, String> outer) {
    Map<String, String> variables = new HashMap<>(outer);
    variables.putAll(RankEnvironment.of(rank, HOSTS, 41_234, 4, 17));
    return LaunchEnvironment.read(OptionalInt.empty(), variables).orElseThrow();
  }
}
