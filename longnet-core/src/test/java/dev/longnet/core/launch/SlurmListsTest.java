// SPDX-License-Identifier: Apache-2.0
package dev.longnet.core.launch;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SlurmListsTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          n1                 | n1
          n[1-3,7],m05       | n1 n2 n3 n7 m05
          m05,n[1-2]         | m05 n1 n2
          n[008-011]         | n008 n009 n010 n011
          n[9-10]            | n9 n10
          r[1-2]n[1-2]-ib    | r1n1-ib r1n2-ib r2n1-ib r2n2-ib
          gpu-a.example.org  | gpu-a.example.org
          n[3],n[5,4]        | n3 n5 n4
          """)
  void listsOfHostsAreWrittenOut(String list, String hosts) {
    assertThat(SlurmLists.hosts("NODES", list)).containsExactly(hosts.split(" "));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "n[1-3",
        "n1-3]",
        "n[]",
        "n[3-1]",
        "n[a-b]",
        "n[1-2-3]",
        "n[[1]]",
        "a,,b",
        "a b",
        ",",
        "n[0-99999999]",
        "n[99999999999]"
      })
  void whatIsNoListOfHostsIsRefused(String list) {
    assertThatThrownBy(() -> SlurmLists.hosts("NODES", list))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("NODES must be a list of hosts such as n[1-3,7],m05: NODES=" + list);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          8          | 8
          4(x2),3    | 4 4 3
          1(x3)      | 1 1 1
          2,1(x2),5  | 2 1 1 5
          """)
  void tasksOfNodesAreWrittenOut(String list, String tasks) {
    String[] expected = tasks.split(" ");
    for (int node = 0; node < expected.length; node++) {
      assertThat(SlurmLists.tasksOf(node, "TASKS", list))
          .isEqualTo(Integer.parseInt(expected[node]));
    }
    assertThatThrownBy(() -> SlurmLists.tasksOf(expected.length, "TASKS", list))
        .hasMessageStartingWith("SLURM_NODEID must be less than the number of nodes in TASKS=");
  }

  @Test
  void aNodeOfManyHasItsTasksAtOnce() {
    assertThat(SlurmLists.tasksOf(999_999_998, "TASKS", "7(x999999999)")).isEqualTo(7);
  }
}
