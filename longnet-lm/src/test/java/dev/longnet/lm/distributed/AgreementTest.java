// SPDX-License-Identifier: Apache-2.0
package dev.longnet.lm.distributed;

import static org.assertj.core.api.Assertions.assertThat;

import dev.longnet.core.io.FieldException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class AgreementTest {
  private static List<Throwable> disagree(List<Map<String, String>> said) {
    return AllRanks.failures(
        ThreadCollectives.of(said.size()),
        group -> {
          Agreement.require(group, said.get(group.rank()));
          return "agreement";
        });
  }

  @Test
  void aDifferenceOfSettingsNamesFields() {
    assertThat(disagree(List.of(Map.of("resume", "", "z", "1"), Map.of("z", "1"))))
        .allSatisfy(e ->
            assertThat(((FieldException) e).message(field -> "<" + field + ">"))
                .isEqualTo(
                    "all ranks must be given the same: rank 0 has <resume>, rank 1 has no <resume>"));
    assertThat(disagree(List.of(Map.of("training.steps", "1"), Map.of("training.steps", "2"))))
        .allSatisfy(e ->
            assertThat(((FieldException) e).message(field -> "<" + field + ">"))
                .endsWith("rank 0 has <training.steps=1>, rank 1 has <training.steps=2>"));
  }

  @Test
  void ranksThatSayTheSameAgree() {
    List<Integer> ranks =
        AllRanks.call(
            ThreadCollectives.of(3),
            group -> {
              Agreement.require(group, Map.of("training.steps", "100", "code", "1.0"));
              return group.rank();
            });
    assertThat(ranks).containsExactly(0, 1, 2);
  }

  @Test
  void allRanksNameTheFirstDifference() {
    Map<String, String> common = Map.of("code", "1.0", "training.steps", "100", "z", "1");
    Map<String, String> other = Map.of("code", "1.0", "training.steps", "200", "z", "2");
    assertThat(disagree(List.of(common, common, other)))
        .allSatisfy(e ->
            assertThat(e)
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage(
                    "all ranks must be given the same: rank 0 has training.steps=100, rank 2 has training.steps=200"));
  }

  @Test
  void aNameThatARankLacksIsADifference() {
    assertThat(disagree(List.of(Map.of("corpus", "ab\ncd"), Map.of())))
        .allSatisfy(e ->
            assertThat(e)
                .hasMessage(
                    "all ranks must be given the same: rank 0 has corpus=ab cd, rank 1 has no corpus"));
  }
}
