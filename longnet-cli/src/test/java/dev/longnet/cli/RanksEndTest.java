// SPDX-License-Identifier: Apache-2.0
package dev.longnet.cli;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.checkpoint.RunDirectory;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RanksEndTest {
  private static final Path RUN = Path.of("runs", "mine");

  /// The ends as `rank:code`, in their order; `!` after those that were destroyed.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      nullValues = "-",
      textBlock =
          """
          0:0 1:0 2:0      | 0   | false | -
          2:0 1:0 0:0      | 0   | false | -
          0:2 1:2 2:2      | 2   | false | -
          1:2 0:75 2:75    | 2   | false | rank 1 of 3 ended with exit code 2; its log: runs/mine/ranks/rank-1.log
          1:2 2:2 0:2      | 2   | false | -
          1:75 2:1 0:75    | 1   | false | rank 2 of 3 ended with exit code 1; its log: runs/mine/ranks/rank-2.log
          0:1 1:75 2:75    | 1   | false | -
          2:137 1:75 0:75  | 75  | true  | rank 2 of 3 was killed by signal 9; its log: runs/mine/ranks/rank-2.log
          0:137 1:75 2:75  | 75  | true  | rank 0 of 3 was killed by signal 9
          1:75 0:134 2:75  | 75  | true  | rank 0 of 3 was killed by signal 6
          1:139 2:134 0:75 | 75  | true  | rank 1 of 3 was killed by signal 11; its log: runs/mine/ranks/rank-1.log
          0:75 1:75 2:137! | 75  | true  | -
          1:75 2:137! 0:75 | 75  | true  | -
          1:75 2:137 0:0   | 0   | false | -
          0:0 1:0 2:137!   | 0   | false | -
          0:130 1:0 2:137! | 75  | true  | rank 2 of 3 did not end by itself and was killed; its log: runs/mine/ranks/rank-2.log
          0:130 1:130 2:130 | 130 | false | -
          0:143 1:130 2:130 | 130 | false | -
          0:130 1:130 2:0  | 130 | false | -
          """)
  void theGravestEndCounts(String ends, int code, boolean lost, String line) {
    RanksEnd end = end(3, false, ends);
    assertThat(end.exitCode()).isEqualTo(code);
    assertThat(end.lost()).isEqualTo(lost);
    assertThat(end.line().orElse(null)).isEqualTo(line);
  }

  @Test
  void aRankThatNeverEndsIsLost() {
    RanksEnd end = end(2, false, "1:75");
    assertThat(end.lost()).isTrue();
    assertThat(end.exitCode()).isEqualTo(75);
    assertThat(end.code(0)).isEmpty();
  }

  @Test
  void whoIsStoppedBeforeAnyRankIsStopped() {
    RanksEnd end = end(2, true, "");
    assertThat(end.exitCode()).isEqualTo(130);
    assertThat(end.lost()).isFalse();
  }

  private static RanksEnd end(int size, boolean stopped, String ends) {
    List<RanksEnd.One> all =
        Arrays.stream(ends.split(" "))
            .filter(word -> !word.isEmpty())
            .map(word -> word.split("[:!]"))
            .map(pair ->
                new RanksEnd.One(
                    Integer.parseInt(pair[0]),
                    Integer.parseInt(pair[1]),
                    ends.contains(pair[0] + ":" + pair[1] + "!")))
            .toList();
    return new RanksEnd(all, size, rank -> RunDirectory.rankLog(RUN, rank).toString(), stopped);
  }
}
