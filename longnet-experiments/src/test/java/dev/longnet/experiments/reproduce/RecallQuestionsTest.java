// SPDX-License-Identifier: Apache-2.0
package dev.longnet.experiments.reproduce;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.longnet.core.data.source.RecallText;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class RecallQuestionsTest {
  private static int key(RecallQuestions questions, int value) {
    return questions.token(value - 2) << 8 | questions.token(value - 1);
  }

  /// Where values stand: bytes that nothing else is.
  private static List<Integer> values(RecallQuestions questions) {
    List<Integer> places = new ArrayList<>();
    for (int i = 0; i < questions.text().length; i++) {
      if (questions.token(i) >= RecallText.VALUES) {
        places.add(i);
      }
    }
    return places;
  }

  @ParameterizedTest
  @CsvSource({"2048, 32", "512, 8", "256, 8", "4096, 64"})
  void manyPairsStandInFrontAndEachIsAskedForOnce(int tokens, int pairs) {
    long[] octaves = new long[16];
    for (long seed = 0; seed < 50; seed++) {
      RecallQuestions questions = RecallQuestions.mqar(seed, tokens, pairs);
      assertThat(questions.text()).as("seed %d", seed).hasSize(tokens);
      List<Integer> places = values(questions);
      assertThat(places).as("seed %d", seed).hasSize(2 * pairs);
      assertThat(questions.answers()).isEqualTo(places.subList(pairs, 2 * pairs));
      Map<Integer, Integer> pairOf = new HashMap<>();
      for (int i = 0; i < pairs; i++) {
        assertThat(places.get(i)).isEqualTo(RecallText.PAIR * (i + 1) - 1);
        pairOf.put(key(questions, places.get(i)), places.get(i));
      }
      assertThat(pairOf).as("seed %d", seed).hasSize(pairs);
      for (int q = 0; q < pairs; q++) {
        int answer = questions.answers().get(q);
        Integer pair = pairOf.remove(key(questions, answer));
        assertThat(pair).as("seed %d, question %d", seed, q).isNotNull();
        assertThat(questions.token(answer)).isEqualTo(questions.token(pair));
        assertThat(questions.distances().get(q)).isEqualTo(answer - pair);
        octaves[RecallQuestions.octave(answer - pair)]++;
      }
    }
    // Every octave up to the sequence's length is asked for often enough to say something.
    for (int octave = 0; RecallQuestions.NEAREST << octave < tokens; octave++) {
      assertThat(octaves[octave]).as("octave %d", octave).isGreaterThan(50 * pairs / 32);
    }
  }

  @Test
  void aNeedleLiesAsDeepAsItIsSaid() {
    Set<Integer> answers = new HashSet<>();
    for (int tokens : new int[] {64, 1000, 4096}) {
      for (int d = 0; d <= 8; d++) {
        for (long seed = 0; seed < 10; seed++) {
          RecallQuestions needle = RecallQuestions.needle(seed, tokens, d / 8.0);
          assertThat(needle.text()).hasSize(tokens + 1);
          assertThat(needle.answers()).containsExactly(tokens);
          List<Integer> places = values(needle);
          assertThat(places).as("seed %d", seed).hasSize(2).last().isEqualTo(tokens);
          int pair = places.getFirst();
          assertThat(key(needle, pair)).isEqualTo(key(needle, tokens));
          assertThat(needle.token(pair)).isEqualTo(needle.token(tokens));
          assertThat(needle.distances()).containsExactly(tokens - pair);
          assertThat(Math.abs(pair - d / 8.0 * tokens))
              .as("%d tokens, depth %d, seed %d", tokens, d, seed)
              .isLessThanOrEqualTo(24);
          answers.add(needle.token(tokens));
        }
      }
    }
    assertThat(answers).hasSizeGreaterThan(8);
  }

  @Test
  void anAnswerIsWhatTheModelExpectsBehindTheKey() {
    RecallQuestions needle = RecallQuestions.needle(1, 64, 0.5);
    long[] expected = new long[65];
    expected[63] = needle.token(64);
    assertThat(needle.isRight(0, expected)).isTrue();
    expected[63]--;
    assertThat(needle.isRight(0, expected)).isFalse();
  }

  @Test
  void octavesBeginAtThirtyTwo() {
    assertThat(RecallQuestions.octave(3)).isZero();
    assertThat(RecallQuestions.octave(63)).isZero();
    assertThat(RecallQuestions.octave(64)).isEqualTo(1);
    assertThat(RecallQuestions.octave(2047)).isEqualTo(5);
  }

  @Test
  void sequencesWithoutRoomAreRefused() {
    assertThatThrownBy(() -> RecallQuestions.mqar(1, 256, 32)).hasMessageContaining("tokens=256");
    assertThatThrownBy(() -> RecallQuestions.mqar(1, 1000, 8)).hasMessageContaining("tokens=1000");
    assertThatThrownBy(() -> RecallQuestions.needle(1, 8, 0)).hasMessageContaining("tokens=8");
  }
}
