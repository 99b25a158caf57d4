// SPDX-License-Identifier: Apache-2.0
package dev.longnet.spark;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RankEndTest {
  /// As Spark 4.2 words it.
  private static final String SPARK =
      "Job aborted due to stage failure: Could not recover from a failed barrier ResultStage. Most recent "
          + "failure reason: Stage failed because barrier task ResultTask(0, 1) finished unsuccessfully.%n"
          + "dev.longnet.spark.RankFailure: %s%n%nDriver stacktrace:";

  @Test
  void itsTextIsFoundInSparksMessage() {
    for (RankEnd end :
        new RankEnd[] {
          new RankEnd(1, 2, "node-7.example.org", 2, "--out must be new: --out=runs/rank 3 of 4"),
          new RankEnd(12, 64, "10.1.0.7", 137, ""),
          new RankEnd(0, 2, "fd00::7", 75, "rank 1 of 2 on b is gone")
        }) {
      assertThat(RankEnd.parse(SPARK.formatted(end))).hasValue(end);
    }
    assertThat(RankEnd.parse("ExecutorLostFailure (executor 1 exited)")).isEmpty();
  }

  @ParameterizedTest
  @CsvSource({
    "0,true,false",
    "130,true,false",
    "143,true,false",
    "129,true,false",
    "75,false,true",
    "1,false,false",
    "2,false,false",
    "137,false,false",
    "134,false,false"
  })
  void itsCodeSaysWhetherTheStageFails(int code, boolean good, boolean consequence) {
    RankEnd end = new RankEnd(0, 2, "h", code, "");
    assertThat(end.good()).isEqualTo(good);
    assertThat(end.isConsequence()).isEqualTo(consequence);
  }
}
